//! What makes a crate a plugin.

/// Makes the crate a plugin: says which function makes its routes, which one filters, and which one prepares it. Each
/// part may be left out; what is left out the component does not export.
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
    (router: $router:path $(, filter: $filter:path)? $(, init: $init:path)? $(,)?) => {
        $crate::__component!([$router] [$($filter)?] [$($init)?]);

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
    (filter: $filter:path $(, init: $init:path)? $(,)?) => {
        $crate::__component!([] [$filter] [$($init)?]);
    };
}

/// The exports of the component; nothing elsewhere, since their names do not link natively.
#[cfg(not(target_arch = "wasm32"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __component {
    ([$($router:path)?] [$($filter:path)?] [$($init:path)?]) => {
        #[allow(dead_code, reason = "called by the host")]
        const _: () = {
            $(const _: fn() -> $crate::Router = $router;)?
            $(const _: fn(&$crate::filter::Head) -> ::core::result::Result<$crate::filter::Next, $crate::Problem> = $filter;)?
            $(const _: fn() -> ::core::result::Result<(), $crate::InitError> = $init;)?
        };
    };
}

/// The exports of the component.
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
#[macro_export]
macro_rules! __component {
    ([$($router:path)?] [$($filter:path)?] [$($init:path)?]) => {
        #[allow(unsafe_code, unreachable_pub, reason = "generated")]
        const _: () = {
            struct Component;

            static ROUTER: ::std::sync::OnceLock<$crate::Router> = ::std::sync::OnceLock::new();

            fn router() -> &'static $crate::Router {
                ROUTER.get_or_init(|| {
                    #[allow(unused_mut, unused_assignments, reason = "there may be no router")]
                    let mut router = $crate::Router::new();
                    $(router = $router();)?
                    router
                })
            }

            impl $crate::__private::describe::exports::devconnect::platform::lifecycle::Guest for Component {
                fn describe() -> $crate::__private::describe::exports::devconnect::platform::lifecycle::Description {
                    $crate::__private::description(router(), env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
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
                $crate::__private::handle(router(), request)
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
