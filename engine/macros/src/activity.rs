//! `#[activity]`: the function that callers see, and the implementation inside it.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{LitStr, Result, spanned::Spanned};

use crate::{
    function::{Function, Kind, Shape},
    options::Options,
    paths,
};

const KIND: Kind = Kind {
    what: "an activity",
    context: "ActivityContext",
};

pub(crate) fn expand(options: &Options, function: &Function) -> Result<TokenStream> {
    options.only(&["name", "queue"], "an activity")?;
    let shape = Shape::of(&function.signature, KIND)?;
    let sdk = paths::sdk();
    let (outside, _) = function.split_attributes();
    let (visibility, ident) = (&function.visibility, &function.signature.ident);
    let name = options.wire_name(ident);
    let queue = queue(options);
    let (parameter, input) = (shape.call_parameter(), shape.call_input());
    let returned = shape.returned;
    let value = quote_spanned!(returned.span()=> <#returned as #sdk::private::Returned>::Value);
    let (implementation, implementor) = match &function.body {
        Some(body) => (
            implementation(options, function, &shape, body),
            quote!(impl #sdk::Activity + use<>),
        ),
        None => (TokenStream::new(), quote!(#sdk::Elsewhere)),
    };
    // A result that cannot be read is reported at its type.
    let sdk_there = paths::sdk_at(returned.span());
    let call = match &function.body {
        Some(_) => {
            quote_spanned!(returned.span()=> #sdk_there::ActivityCall::<_, __Implementation>::new)
        }
        None => quote_spanned!(returned.span()=> #sdk_there::ActivityCall::new),
    };
    Ok(quote! {
        #(#outside)*
        #visibility fn #ident(#parameter) -> #sdk::ActivityCall<#value, #implementor> {
            #implementation
            #call(#sdk::private::Name::from(#name), #queue.map(#sdk::private::Name::from), #input)
        }
    })
}

/// The type that a worker runs, with the body as it was written.
fn implementation(
    options: &Options,
    function: &Function,
    shape: &Shape<'_>,
    body: &TokenStream,
) -> TokenStream {
    let sdk = paths::sdk();
    let (_, inside) = function.split_attributes();
    let (ident, parameters) = (&function.signature.ident, &function.signature.inputs);
    let name = options.wire_name(ident);
    let queue = queue(options);
    let (returned, arguments) = (shape.returned, shape.arguments());
    let context = shape.context.map_or_else(|| quote!(_), |_| quote!(cx));
    let (payload, read) = (shape.payload(), shape.read_input(&sdk, &name));
    let output = shape.output();
    // The span is that of the name, so that a future that is not `Send` is reported there.
    let future = quote_spanned! {ident.span()=>
        ::std::boxed::Box::pin(async move {
            #read
            #output(#name, #ident(#arguments).await)
        })
    };
    quote! {
        enum __Implementation {}

        impl #sdk::Activity for __Implementation {
            const NAME: &'static str = #name;
            const QUEUE: ::std::option::Option<&'static str> = #queue;

            fn execute(
                #context: #sdk::ActivityContext,
                #payload: #sdk::private::Payload,
            ) -> #sdk::BoxFuture<'static, #sdk::Result<#sdk::private::Payload>> {
                #(#inside)*
                async fn #ident(#parameters) -> #returned #body

                #future
            }
        }
    }
}

fn queue(options: &Options) -> TokenStream {
    match options.queue.as_ref().map(LitStr::value) {
        Some(queue) => quote!(::std::option::Option::Some(#queue)),
        None => quote!(::std::option::Option::<&'static str>::None),
    }
}
