//! The derive `Event`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{DeriveInput, Error, Expr, ExprLit, Lit, Meta, Result, Token, punctuated::Punctuated};

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let (topic, key) = attributes(input)?;
    let name = &input.ident;
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    let key = key.map(|key| {
        quote! {
            fn key(&self) -> ::core::option::Option<::std::string::String> {
                ::core::option::Option::Some(::std::string::ToString::to_string(&self.#key))
            }
        }
    });
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::devconnect_sdk::events::Event for #name #type_generics #where_clause {
            const TOPIC: &'static str = #topic;
            #key
        }
    })
}

/// The topic, and the path of the key's field as it is written.
fn attributes(input: &DeriveInput) -> Result<(Expr, Option<TokenStream>)> {
    let (mut topic, mut key) = (None, None);
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("event")) {
        for entry in attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)? {
            let Meta::NameValue(entry) = entry else {
                return Err(Error::new(entry.span(), "expected `topic = \"…\"` or `key = field`"));
            };
            if entry.path.is_ident("topic") {
                topic = Some(entry.value);
            } else if entry.path.is_ident("key") {
                key = Some(field(&entry.value)?);
            } else {
                return Err(Error::new(entry.path.span(), "an event has a `topic` and a `key`, nothing else"));
            }
        }
    }
    let missing = || {
        Error::new(input.ident.span(), "an event needs its topic: `#[event(topic = \"user-events\", key = user_id)]`")
    };
    Ok((topic.ok_or_else(missing)?, key))
}

fn field(value: &Expr) -> Result<TokenStream> {
    match value {
        Expr::Path(_) | Expr::Field(_) => Ok(quote!(#value)),
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => text.parse::<Expr>().and_then(|value| field(&value)),
        _ => Err(Error::new(value.span(), "the key is a field: `key = user_id` or `key = data.user_id`")),
    }
}
