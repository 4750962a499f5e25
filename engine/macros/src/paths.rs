//! Where the generated code finds the SDK: in `sagaline`, or in `sagaline-sdk` by itself.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

/// The path of the crate, under whatever name the package that uses the macro has it.
pub(crate) fn sdk() -> TokenStream {
    for package in ["sagaline", "sagaline-sdk"] {
        let name = match crate_name(package) {
            Ok(FoundCrate::Itself) => package.replace('-', "_"),
            Ok(FoundCrate::Name(name)) => name,
            Err(_) => continue,
        };
        let name = Ident::new(&name, Span::call_site());
        return quote!(::#name);
    }
    quote!(::sagaline)
}
