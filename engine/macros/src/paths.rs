//! Where the generated code finds the SDK: in `sagaline`, or in `sagaline-sdk` by itself.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;

/// The path of the crate, under whatever name the package that uses the macro has it.
pub(crate) fn sdk() -> TokenStream {
    sdk_at(Span::call_site())
}

/// The same for an expression whose errors are reported at `span`.
pub(crate) fn sdk_at(span: Span) -> TokenStream {
    for package in ["sagaline", "sagaline-sdk"] {
        let name = match crate_name(package) {
            Ok(FoundCrate::Itself) => package.replace('-', "_"),
            Ok(FoundCrate::Name(name)) => name,
            Err(_) => continue,
        };
        let name = Ident::new(&name, span);
        return quote_spanned!(span=> ::#name);
    }
    quote_spanned!(span=> ::sagaline)
}
