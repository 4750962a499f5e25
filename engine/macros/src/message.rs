//! `#[signal]`, `#[query]` and `#[update]`: the function that callers see, and the handler inside it.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{
    Error, FnArg, Ident, PatType, Path, Result, ReturnType, Signature, Type, spanned::Spanned,
};

use crate::{
    function::{Function, Input},
    options::Options,
    paths,
};

/// Which of the three.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Signal,
    Query,
    Update,
}

impl Kind {
    const fn what(self) -> &'static str {
        match self {
            Self::Signal => "a signal",
            Self::Query => "a query",
            Self::Update => "an update",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::Query => "query",
            Self::Update => "update",
        }
    }

    const fn options(self) -> &'static [&'static str] {
        match self {
            Self::Signal | Self::Query => &["name"],
            Self::Update => &["name", "validate"],
        }
    }
}

/// How the function is given the state.
enum By<'a> {
    Reference(&'a Type),
    /// A context of that state.
    Context(TokenStream),
}

/// A handler's function, understood.
struct Shape<'a> {
    kind: Kind,
    /// None of a mere declaration.
    state: Option<By<'a>>,
    input: Option<Input<'a>>,
    returned: Option<&'a Type>,
}

pub(crate) fn expand(kind: Kind, options: &Options, function: &Function) -> Result<TokenStream> {
    options.only(kind.options(), kind.what())?;
    let shape = Shape::of(kind, &function.signature, function.body.is_some())?;
    let sdk = paths::sdk();
    let (outside, _) = function.split_attributes();
    let (visibility, ident) = (&function.visibility, &function.signature.ident);
    let name = options.wire_name(ident);
    let parameter = shape.input.as_ref().map(Input::call_parameter);
    let input = shape
        .input
        .as_ref()
        .map_or_else(|| quote!(&()), Input::call_input);
    let value = shape.value();
    let (implementation, implementor) = match &function.body {
        Some(body) => (
            shape.implementation(options, function, body),
            match kind {
                Kind::Signal => quote!(impl #sdk::SignalHandler + use<>),
                Kind::Query => quote!(impl #sdk::QueryHandler + use<>),
                Kind::Update => quote!(impl #sdk::UpdateHandler + use<>),
            },
        ),
        None => (TokenStream::new(), quote!(#sdk::Untyped)),
    };
    let implementor = match (&function.body, shape.state_type()) {
        (Some(_), Some(state)) => match kind {
            Kind::Signal => quote!(impl #sdk::SignalHandler<State = #state> + use<>),
            Kind::Query => quote!(impl #sdk::QueryHandler<State = #state> + use<>),
            Kind::Update => quote!(impl #sdk::UpdateHandler<State = #state> + use<>),
        },
        _ => implementor,
    };
    let handler = match &function.body {
        Some(_) => quote!(__Handler),
        None => quote!(#sdk::Untyped),
    };
    let (returns, call) = match kind {
        Kind::Signal => (
            quote!(#sdk::SignalCall<#implementor>),
            quote!(#sdk::SignalCall::<#handler>),
        ),
        Kind::Query => (
            quote!(#sdk::QueryCall<#value, #implementor>),
            quote!(#sdk::QueryCall::<#value, #handler>),
        ),
        Kind::Update => (
            quote!(#sdk::UpdateCall<#value, #implementor>),
            quote!(#sdk::UpdateCall::<#value, #handler>),
        ),
    };
    Ok(quote! {
        #(#outside)*
        #visibility fn #ident(#parameter) -> #returns {
            #implementation
            #call::new(#name, #input)
        }
    })
}

impl<'a> Shape<'a> {
    fn of(kind: Kind, signature: &'a Signature, has_body: bool) -> Result<Self> {
        let what = kind.what();
        if !signature.generics.params.is_empty() {
            let text = format!("{what} has no generic parameters: its name stands for one handler");
            return Err(Error::new_spanned(&signature.generics, text));
        }
        let mut parameters = typed(kind, signature)?.into_iter();
        let state = match has_body {
            true => Some(state(kind, signature, parameters.next())?),
            false => None,
        };
        let input = parameters.next().map(Input::of).transpose()?;
        if let Some(second) = parameters.next() {
            let text = format!(
                "{what} takes one input, so that it is one JSON value: put several into a struct or a tuple"
            );
            return Err(Error::new_spanned(second, text));
        }
        let returned = match &signature.output {
            ReturnType::Default => None,
            ReturnType::Type(_, ty) => Some(&**ty),
        };
        match (kind, returned) {
            (Kind::Signal, Some(ty)) => {
                let text = "a signal answers nothing: what does is an update";
                Err(Error::new_spanned(ty, text))
            }
            (Kind::Query, None) => {
                let text = "a query answers something: what does not is a signal";
                Err(Error::new(signature.ident.span(), text))
            }
            (Kind::Update, returned) if !returned.is_some_and(is_result) => {
                let text = "an update returns a `Result<T>`; with nothing to say, `Result<()>`";
                Err(Error::new(signature.ident.span(), text))
            }
            (_, returned) => Ok(Self {
                kind,
                state,
                input,
                returned,
            }),
        }
    }

    fn state_type(&self) -> Option<TokenStream> {
        self.state.as_ref().map(|state| match state {
            By::Reference(ty) => quote!(#ty),
            By::Context(ty) => ty.clone(),
        })
    }

    /// What it answers.
    fn value(&self) -> TokenStream {
        let sdk = paths::sdk();
        match self.returned {
            None => quote!(()),
            Some(ty) if is_result(ty) => {
                quote_spanned!(ty.span()=> <#ty as #sdk::private::Returned>::Value)
            }
            Some(ty) => quote!(#ty),
        }
    }

    /// The type that handles it, with the body as it was written.
    fn implementation(
        &self,
        options: &Options,
        function: &Function,
        body: &TokenStream,
    ) -> TokenStream {
        let sdk = paths::sdk();
        let (_, inside) = function.split_attributes();
        let signature = &function.signature;
        let name = options.wire_name(&signature.ident);
        let of = format!("{} `{name}`", self.kind.word());
        let parts = Parts {
            state: self.state_type().unwrap_or_default(),
            body: quote!(#(#inside)* #signature #body),
            ident: &signature.ident,
            read: self.read(&of),
            of,
            argument: self
                .input
                .as_ref()
                .map(|input| input.argument(&quote!(__input))),
            payload: match &self.input {
                Some(_) => quote!(__input),
                None => quote!(_),
            },
        };
        let (handler, methods) = match self.kind {
            Kind::Signal => (quote!(SignalHandler), parts.signal()),
            Kind::Query => (quote!(QueryHandler), self.query(&parts)),
            Kind::Update => (
                quote!(UpdateHandler),
                self.update(&parts, options.validate.as_ref()),
            ),
        };
        let state = &parts.state;
        quote! {
            enum __Handler {}

            impl #sdk::#handler for __Handler {
                type State = #state;
                const NAME: &'static str = #name;

                #methods
            }
        }
    }

    /// Reads the input, if there is one.
    fn read(&self, of: &str) -> Option<TokenStream> {
        let (sdk, owned) = (paths::sdk(), &self.input.as_ref()?.owned);
        Some(quote!(let __input = #sdk::private::message::<#owned>(#of, &__input)?;))
    }

    fn query(&self, parts: &Parts<'_>) -> TokenStream {
        let sdk = paths::sdk();
        let Parts {
            state,
            body,
            ident,
            read,
            of,
            argument,
            payload,
        } = parts;
        let answer = match self.returned {
            Some(ty) if is_result(ty) => {
                quote_spanned!(ty.span()=> #ident(__state, #argument))
            }
            ty => {
                quote_spanned!(ty.span()=> ::std::result::Result::<_, #sdk::Error>::Ok(#ident(__state, #argument)))
            }
        };
        quote! {
            fn answer(
                __state: &#state,
                #payload: &#sdk::private::Payload,
            ) -> #sdk::Result<#sdk::private::Payload> {
                #body

                #read
                #sdk::private::answer(#of, #answer)
            }
        }
    }

    fn update(&self, parts: &Parts<'_>, validator: Option<&Path>) -> TokenStream {
        let sdk = paths::sdk();
        let Parts {
            state,
            body,
            ident,
            read,
            of,
            argument,
            payload,
        } = parts;
        let handle = self.handle_update(ident, argument.as_ref());
        let validate = match validator {
            Some(validator) => {
                let call = validate(validator, self.input.as_ref());
                quote!(#read #call)
            }
            // What cannot be read is refused here, too.
            None => {
                let input = self.input.as_ref().map(|input| &input.owned);
                let input =
                    input.map(|owned| quote!(#sdk::private::message::<#owned>(#of, &__input)?;));
                quote!(let _ = __state; #input ::std::result::Result::Ok(()))
            }
        };
        quote! {
            fn validate(
                __state: &#state,
                #payload: &#sdk::private::Payload,
            ) -> #sdk::Result<()> {
                #validate
            }

            fn handle(
                __cx: #sdk::Context<#state>,
                #payload: #sdk::private::Payload,
            ) -> #sdk::BoxFuture<'static, #sdk::Result<#sdk::private::Payload>> {
                #body

                ::std::boxed::Box::pin(async move {
                    #read
                    #sdk::private::answer(#of, #handle)
                })
            }
        }
    }

    /// The call of an update's function, with `__cx` and `__input` there.
    fn handle_update(&self, ident: &Ident, argument: Option<&TokenStream>) -> TokenStream {
        match (&self.state, argument) {
            (Some(By::Context(_)), _) => {
                quote_spanned!(ident.span()=> #ident(__cx, #argument).await)
            }
            (_, Some(argument)) => {
                quote_spanned!(ident.span()=> __cx.with_mut(|__state| #ident(__state, #argument)))
            }
            (_, None) => quote_spanned!(ident.span()=> __cx.with_mut(#ident)),
        }
    }
}

/// What the methods of a handler are made of.
struct Parts<'a> {
    state: TokenStream,
    /// The function as it was written.
    body: TokenStream,
    ident: &'a Ident,
    read: Option<TokenStream>,
    /// For messages: ``signal `approve` ``.
    of: String,
    argument: Option<TokenStream>,
    /// The parameter that is the payload.
    payload: TokenStream,
}

impl Parts<'_> {
    fn signal(&self) -> TokenStream {
        let sdk = paths::sdk();
        let Self {
            state,
            body,
            ident,
            read,
            argument,
            payload,
            ..
        } = self;
        quote! {
            fn handle(
                __state: &mut #state,
                #payload: &#sdk::private::Payload,
            ) -> #sdk::Result<()> {
                #body

                #read
                #ident(__state, #argument);
                ::std::result::Result::Ok(())
            }
        }
    }
}

/// The call of an update's validator, with `__state` and `__input` there.
fn validate(validator: &Path, input: Option<&Input<'_>>) -> TokenStream {
    let sdk = paths::sdk();
    let argument = input.map(|_| quote!(&__input));
    quote_spanned!(validator.span()=> #sdk::private::Returned::into_result(#validator(__state, #argument)))
}

/// All parameters.
fn typed(kind: Kind, signature: &Signature) -> Result<Vec<&PatType>> {
    let parameters = signature.inputs.iter().map(|argument| match argument {
        FnArg::Typed(parameter) => Ok(parameter),
        FnArg::Receiver(receiver) => {
            let text = format!("{} is a function without `self`", kind.what());
            Err(Error::new_spanned(receiver, text))
        }
    });
    parameters.collect()
}

/// What the first parameter says of the run's state.
fn state<'a>(kind: Kind, signature: &'a Signature, first: Option<&'a PatType>) -> Result<By<'a>> {
    let is_async = signature.asyncness.is_some();
    let wanted = match kind {
        Kind::Signal => "a signal is a `fn` whose first parameter is the run's state, by `&mut`",
        Kind::Query => "a query is a `fn` whose first parameter is the run's state, by `&`",
        Kind::Update => {
            "an update is a `fn` whose first parameter is the run's state, by `&mut`, or an `async fn` that takes `cx: Context<…>` first"
        }
    };
    let at = first.map_or_else(|| signature.ident.span(), |first| first.ty.span());
    match first.map(|first| &*first.ty) {
        Some(Type::Reference(state))
            if !is_async && state.mutability.is_some() == (kind != Kind::Query) =>
        {
            Ok(By::Reference(&state.elem))
        }
        Some(ty) if is_async && kind == Kind::Update => {
            let state = state_of_context(ty).ok_or_else(|| Error::new(at, wanted))?;
            Ok(By::Context(state))
        }
        _ => Err(Error::new(at, wanted)),
    }
}

/// The state of a context: of `Context<S>` it is `S`, of `Context` it is `()`. None: it is no context.
pub(crate) fn state_of_context(ty: &Type) -> Option<TokenStream> {
    let path = match ty {
        Type::Reference(reference) => return state_of_context(&reference.elem),
        Type::Path(path) => &path.path,
        _ => return None,
    };
    let last = path
        .segments
        .last()
        .filter(|last| last.ident == "Context")?;
    Some(match &last.arguments {
        syn::PathArguments::AngleBracketed(arguments) => {
            let state = arguments.args.first();
            quote!(#state)
        }
        _ => quote!(()),
    })
}

fn is_result(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => {
            let last = path.path.segments.last();
            last.is_some_and(|last| last.ident == "Result")
        }
        _ => false,
    }
}
