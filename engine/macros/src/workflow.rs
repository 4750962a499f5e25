//! `#[workflow]` on a function: the function that callers see, and the workflow inside it.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{
    Error, ItemImpl, Result, Token,
    parse::{Parse, ParseStream},
    spanned::Spanned,
};

use crate::{
    function::{Function, Kind, Shape},
    options::Options,
    paths,
};

pub(crate) const KIND: Kind = Kind {
    what: "a workflow",
    context: "Context",
};

/// What the attribute was put on.
pub(crate) enum Item {
    Function(Box<Function>),
    Impl(Box<ItemImpl>),
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let ahead = input.fork();
        ahead.call(syn::Attribute::parse_outer)?;
        if ahead.peek(Token![impl]) {
            return input.parse().map(Box::new).map(Self::Impl);
        }
        let begin = input.span();
        input.parse().map(Box::new).map(Self::Function).map_err(|error| {
            let text = "`#[workflow]` stands on an `async fn`, or on the `impl` block with the method marked `#[run]`";
            let mut all = Error::new(begin, text);
            all.combine(error);
            all
        })
    }
}

pub(crate) fn expand(options: &Options, function: &Function) -> Result<TokenStream> {
    options.only(OPTIONS, "a workflow")?;
    let shape = Shape::of(&function.signature, KIND)?;
    require_context(&shape, function.signature.ident.span())?;
    let sdk = paths::sdk();
    let (outside, inside) = function.split_attributes();
    let (visibility, ident, parameters) = (
        &function.visibility,
        &function.signature.ident,
        &function.signature.inputs,
    );
    let name = options.wire_name(ident);
    let (parameter, input) = (shape.call_parameter(), shape.call_input());
    let returned = shape.returned;
    let value = quote_spanned!(returned.span()=> <#returned as #sdk::private::Returned>::Value);
    let Some(body) = &function.body else {
        return Ok(quote! {
            #(#outside)*
            #visibility fn #ident(#parameter) -> #sdk::WorkflowCall<#value> {
                #sdk::WorkflowCall::new(#sdk::private::Name::from(#name), #input)
            }
        });
    };
    let arguments = shape.arguments();
    let implementation = implementation(&Implementation {
        options,
        name: &name,
        shape: &shape,
        ty: quote!(__Workflow),
        before: quote!(#(#inside)* async fn #ident(#parameters) -> #returned #body),
        run: quote_spanned!(ident.span()=> #ident(#arguments).await),
    });
    Ok(quote! {
        #(#outside)*
        #visibility fn #ident(#parameter) -> #sdk::WorkflowCall<#value, impl #sdk::Workflow + use<>> {
            enum __Workflow {}

            #implementation

            #sdk::WorkflowCall::<_, __Workflow>::new(#sdk::private::Name::from(#name), #input)
        }
    })
}

/// The options of a workflow.
pub(crate) const OPTIONS: &[&str] = &[
    "name", "version", "queues", "upgrade", "signals", "queries", "updates",
];

/// What one `impl Workflow for …` is made of.
pub(crate) struct Implementation<'a> {
    pub(crate) options: &'a Options,
    pub(crate) name: &'a str,
    pub(crate) shape: &'a Shape<'a>,
    pub(crate) ty: TokenStream,
    /// Items before the future.
    pub(crate) before: TokenStream,
    /// An expression that runs it, with `cx` and `input` there.
    pub(crate) run: TokenStream,
}

/// `impl Workflow for …`.
pub(crate) fn implementation(parts: &Implementation<'_>) -> TokenStream {
    let Implementation {
        options,
        name,
        shape,
        ty,
        before,
        run,
    } = parts;
    let sdk = paths::sdk();
    let (version, takes_over) = (options.version(), options.takes_over);
    let (queues, owned, returned) = (&options.queues, shape.owned_input(), shape.returned);
    let value = quote_spanned!(returned.span()=> <#returned as #sdk::private::Returned>::Value);
    let (payload, read) = (shape.payload(), shape.read_input(&sdk, name));
    let output = shape.output();
    let (state, handlers) = (shape.state(), handlers(options, &sdk));
    let future = quote_spanned! {run.span()=>
        ::std::boxed::Box::pin(async move {
            #read
            #output(#name, #run)
        })
    };
    quote! {
        impl #sdk::Workflow for #ty {
            type Input = #owned;
            type Output = #value;
            type State = #state;
            const NAME: &'static str = #name;
            const VERSION: &'static str = #version;
            const TAKES_OVER: bool = #takes_over;
            const QUEUES: &'static [&'static str] = &[#(#queues),*];

            #handlers

            fn start(
                cx: #sdk::Context<#state>,
                #payload: #sdk::private::Payload,
            ) -> #sdk::BoxFuture<'static, #sdk::Result<#sdk::private::Payload>> {
                #before

                #future
            }
        }
    }
}

/// What handles the workflow's messages, unless nothing does.
fn handlers(options: &Options, sdk: &TokenStream) -> TokenStream {
    let Options {
        signals,
        queries,
        updates,
        ..
    } = options;
    if signals.is_empty() && queries.is_empty() && updates.is_empty() {
        return TokenStream::new();
    }
    quote! {
        fn handlers() -> #sdk::Handlers<Self::State> {
            #sdk::Handlers::<Self::State>::new()
                #(.signal(#signals))*
                #(.query(#queries))*
                #(.update(#updates))*
        }
    }
}

/// A workflow without its context could do nothing.
pub(crate) fn require_context(shape: &Shape<'_>, at: proc_macro2::Span) -> Result<()> {
    match shape.context {
        Some(_) => Ok(()),
        None => Err(Error::new(
            at,
            "a workflow takes `cx: Context` first: activities, time and randomness come from it",
        )),
    }
}
