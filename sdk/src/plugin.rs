//! What makes a crate a plugin.

/// Makes the crate a plugin: says which function makes its routes, which one filters, which ones make its consumer and its
/// schedules, and which one prepares it. Each part may be left out; what is left out the component does not export.
///
/// ```
/// # mod plugin {
/// use devconnect_sdk::prelude::*;
///
/// devconnect_sdk::plugin! {
///     router: routes,
///     filter: filter,
///     init: init,
/// }
///
/// fn routes() -> Router {
///     Router::new().get("/hello", public(hello))
/// }
///
/// fn hello() -> &'static str {
///     "Hello, World!"
/// }
///
/// fn filter(head: &Head) -> Result<Next, Problem> {
///     log::debug!("somebody asks", path = head.path, route = head.route);
///     Ok(Next::pass())
/// }
///
/// fn init() -> Result<(), InitError> {
///     Ok(())
/// }
/// # }
/// # fn main() {}
/// ```
///
/// The crate is a `cdylib` and nothing else: with an `rlib` beside it, cargo leaves out link-time optimisation. Its name and
/// version are Cargo's.
///
/// In the native test build it adds a test, `devconnect_plugin::openapi`: it says what is wrong with the routes, and
/// writes the OpenAPI document to the file that the variable `DEVCONNECT_OPENAPI` names.
#[macro_export]
macro_rules! plugin {
    ($($parts:tt)+) => {
        $crate::__plugin!([] [] [] [] [] $($parts)+);
    };
}

/// Sorts the parts: router, filter, consumer, schedules, init.
#[doc(hidden)]
#[macro_export]
macro_rules! __plugin {
    ([] $filter:tt $consumer:tt $schedules:tt $init:tt router: $path:path $(, $($rest:tt)*)?) => {
        $crate::__plugin!([$path] $filter $consumer $schedules $init $($($rest)*)?);
    };
    ($router:tt [] $consumer:tt $schedules:tt $init:tt filter: $path:path $(, $($rest:tt)*)?) => {
        $crate::__plugin!($router [$path] $consumer $schedules $init $($($rest)*)?);
    };
    ($router:tt $filter:tt [] $schedules:tt $init:tt consumer: $path:path $(, $($rest:tt)*)?) => {
        $crate::__plugin!($router $filter [$path] $schedules $init $($($rest)*)?);
    };
    ($router:tt $filter:tt $consumer:tt [] $init:tt schedules: $path:path $(, $($rest:tt)*)?) => {
        $crate::__plugin!($router $filter $consumer [$path] $init $($($rest)*)?);
    };
    ($router:tt $filter:tt $consumer:tt $schedules:tt [] init: $path:path $(, $($rest:tt)*)?) => {
        $crate::__plugin!($router $filter $consumer $schedules [$path] $($($rest)*)?);
    };
    ($router:tt $filter:tt $consumer:tt $schedules:tt $init:tt) => {
        $crate::__component!($router $filter $consumer $schedules $init);
        $crate::__checked!($router);
    };
    ($router:tt $filter:tt $consumer:tt $schedules:tt $init:tt $($unknown:tt)+) => {
        ::core::compile_error!(::core::concat!(
            "a plugin has the parts `router`, `filter`, `consumer`, `schedules` and `init`, each once and with the path of its ",
            "function, and not: ",
            ::core::stringify!($($unknown)+)
        ));
    };
}

/// The test that a router is given.
#[doc(hidden)]
#[macro_export]
macro_rules! __checked {
    ([]) => {};
    ([$router:path]) => {
        #[cfg(all(test, not(target_arch = "wasm32")))]
        mod devconnect_plugin {
            #[allow(unused_imports, reason = "the path may be absolute")]
            use super::*;

            #[test]
            fn openapi() {
                $crate::test::check_routes(&$router(), env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
            }
        }
    };
}

/// The exports of the component; nothing elsewhere, since their names do not link natively.
#[cfg(not(target_arch = "wasm32"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __component {
    ([$($router:path)?] [$($filter:path)?] [$($consumer:path)?] [$($schedules:path)?] [$($init:path)?]) => {
        #[allow(dead_code, reason = "called by the host")]
        const _: () = {
            $(const _: fn() -> $crate::Router = $router;)?
            $(const _: fn(&$crate::filter::Head) -> ::core::result::Result<$crate::filter::Next, $crate::Problem> = $filter;)?
            $(const _: fn() -> $crate::Consumer = $consumer;)?
            $(const _: fn() -> $crate::Schedules = $schedules;)?
            $(const _: fn() -> ::core::result::Result<(), $crate::InitError> = $init;)?
        };
    };
}

/// The exports of the component.
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
#[macro_export]
macro_rules! __component {
    ([$($router:path)?] [$($filter:path)?] [$($consumer:path)?] [$($schedules:path)?] [$($init:path)?]) => {
        #[allow(unsafe_code, unreachable_pub, dead_code, reason = "generated")]
        const _: () = {
            struct Component;

            static ROUTER: ::std::sync::OnceLock<$crate::Router> = ::std::sync::OnceLock::new();

            // Items are not hygienic: these must not have the names that plugins give theirs.
            fn __router() -> &'static $crate::Router {
                ROUTER.get_or_init(|| {
                    #[allow(unused_mut, unused_assignments, reason = "there may be no router")]
                    let mut router = $crate::Router::new();
                    $(router = $router();)?
                    router
                })
            }

            fn __consumer() -> $crate::Consumer {
                #[allow(unused_mut, unused_assignments, reason = "there may be no consumer")]
                let mut consumer = $crate::Consumer::new();
                $(consumer = $consumer();)?
                consumer
            }

            fn __schedules() -> $crate::Schedules {
                #[allow(unused_mut, unused_assignments, reason = "there may be no schedules")]
                let mut schedules = $crate::Schedules::new();
                $(schedules = $schedules();)?
                schedules
            }

            impl $crate::__private::describe::exports::devconnect::platform::lifecycle::Guest for Component {
                fn describe() -> $crate::__private::describe::exports::devconnect::platform::lifecycle::Description {
                    let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
                    $crate::__private::description(__router(), &__consumer(), &__schedules(), name, version)
                }

                fn init() -> ::core::result::Result<
                    (),
                    $crate::__private::describe::exports::devconnect::platform::lifecycle::InitError,
                > {
                    $($init().map_err($crate::__private::init_error)?;)?
                    Ok(())
                }
            }
            $crate::__private::export_lifecycle!(Component with_types_in $crate::__private::describe);

            $crate::__handler!($($router)?);
            $crate::__filter!($($filter)?);
            $crate::__consumer!($($consumer)?);
            $crate::__schedules!($($schedules)?);
        };
    };
}

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
#[macro_export]
macro_rules! __handler {
    () => {};
    ($router:path) => {
        impl $crate::__private::serve::exports::devconnect::platform::http_handler::Guest for Component {
            #[inline]
            fn handle(
                request: $crate::__private::serve::exports::devconnect::platform::http_handler::Request,
            ) -> $crate::Response {
                $crate::__private::handle(__router(), request)
            }
        }
        $crate::__private::export_http_handler!(Component with_types_in $crate::__private::serve);
    };
}

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
#[macro_export]
macro_rules! __filter {
    () => {};
    ($filter:path) => {
        impl $crate::__private::screen::exports::devconnect::platform::http_filter::Guest for Component {
            fn filter(
                head: $crate::__private::screen::exports::devconnect::platform::http_filter::Head,
            ) -> $crate::__private::screen::exports::devconnect::platform::http_filter::Verdict {
                $crate::__private::verdict($filter(&$crate::__private::head(head)))
            }
        }
        $crate::__private::export_http_filter!(Component with_types_in $crate::__private::screen);
    };
}

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
#[macro_export]
macro_rules! __consumer {
    () => {};
    ($consumer:path) => {
        impl $crate::__private::consume::exports::devconnect::platform::event_handler::Guest for Component {
            fn handle_batch(
                events: ::std::vec::Vec<$crate::__private::consume::exports::devconnect::platform::event_handler::Delivery>,
            ) -> ::std::vec::Vec<$crate::__private::consume::exports::devconnect::platform::event_handler::Disposition> {
                $crate::__private::consume(&__consumer(), events)
            }
        }
        $crate::__private::export_event_handler!(Component with_types_in $crate::__private::consume);
    };
}

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
#[macro_export]
macro_rules! __schedules {
    () => {};
    ($schedules:path) => {
        impl $crate::__private::schedule::exports::devconnect::platform::schedule_handler::Guest for Component {
            fn run(name: ::std::string::String) -> ::core::result::Result<(), ::std::string::String> {
                $crate::__private::run(&__schedules(), &name)
            }
        }
        $crate::__private::export_schedule_handler!(Component with_types_in $crate::__private::schedule);
    };
}
