//! What workflows and activities have in common: an `async fn` with a context, at most one input, and a `Result`.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{
    Attribute, Error, FnArg, Ident, Pat, PatType, Result, ReturnType, Signature, Token, Type,
    Visibility,
    parse::{Parse, ParseStream},
    spanned::Spanned,
};

use crate::{message, paths};

/// A function as it was written; without a body it is a declaration.
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: Option<TokenStream>,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature = input.parse()?;
        let body = if input.peek(Token![;]) {
            input.parse::<Token![;]>()?;
            None
        } else {
            Some(input.parse()?)
        };
        Ok(Self {
            attributes,
            visibility,
            signature,
            body,
        })
    }
}

impl Function {
    /// Attributes for the function that callers see, and those for the body.
    pub(crate) fn split_attributes(&self) -> (Vec<&Attribute>, Vec<&Attribute>) {
        let outside = ["doc", "cfg", "deprecated"];
        self.attributes
            .iter()
            .partition(|one| outside.iter().any(|name| one.path().is_ident(name)))
    }
}

/// The parameters and the result, understood.
pub(crate) struct Shape<'a> {
    pub(crate) context: Option<&'a PatType>,
    pub(crate) input: Option<Input<'a>>,
    pub(crate) returned: &'a Type,
}

/// The one input.
pub(crate) struct Input<'a> {
    parameter: &'a PatType,
    /// What travels: of `&str` a `String`, of `&[T]` a `Vec<T>`, of `&T` a `T`.
    pub(crate) owned: TokenStream,
    borrowed: bool,
}

/// What is being made, for messages.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    /// `an activity`.
    pub(crate) what: &'static str,
    /// Last part of the context's type.
    pub(crate) context: &'static str,
}

impl<'a> Shape<'a> {
    /// Understands a signature; `self` has been taken away.
    pub(crate) fn of(signature: &'a Signature, kind: Kind) -> Result<Self> {
        let Kind { what, context } = kind;
        if signature.asyncness.is_none() {
            return Err(Error::new(
                signature.fn_token.span(),
                format!("{what} is an `async fn`"),
            ));
        }
        if !signature.generics.params.is_empty() {
            let text =
                format!("{what} has no generic parameters: its name stands for one implementation");
            return Err(Error::new_spanned(&signature.generics, text));
        }
        let mut parameters = Vec::new();
        for argument in &signature.inputs {
            match argument {
                FnArg::Typed(parameter) => parameters.push(parameter),
                FnArg::Receiver(receiver) => {
                    let text = format!(
                        "{what} is a function without `self`; a worker's values come from `cx.data::<T>()`"
                    );
                    return Err(Error::new_spanned(receiver, text));
                }
            }
        }
        let has_context = parameters
            .first()
            .is_some_and(|first| is_named(&first.ty, context));
        let mut rest = parameters.iter().copied().skip(usize::from(has_context));
        let input = rest.next().map(Input::of).transpose()?;
        if let Some(second) = rest.next() {
            let text = format!(
                "{what} takes one input, so that it is one JSON value: put several into a struct or a tuple"
            );
            return Err(Error::new_spanned(second, text));
        }
        let ReturnType::Type(_, returned) = &signature.output else {
            return Err(Error::new(
                signature.ident.span(),
                format!("{what} returns a `Result<T>`; with nothing to say, `Result<()>`"),
            ));
        };
        Ok(Self {
            context: has_context.then(|| parameters[0]),
            input,
            returned,
        })
    }

    /// The parameter of the function that callers see.
    pub(crate) fn call_parameter(&self) -> TokenStream {
        let input = self.input.as_ref();
        input.map_or_else(TokenStream::new, Input::call_parameter)
    }

    /// The input, by reference, in the function that callers see.
    pub(crate) fn call_input(&self) -> TokenStream {
        let input = self.input.as_ref();
        input.map_or_else(|| quote!(&()), Input::call_input)
    }

    /// The type that travels.
    pub(crate) fn owned_input(&self) -> TokenStream {
        self.input
            .as_ref()
            .map_or_else(|| quote!(()), |input| input.owned.clone())
    }

    /// The state that the context is of.
    pub(crate) fn state(&self) -> TokenStream {
        let context = self.context.map(|parameter| &*parameter.ty);
        let state = context.and_then(message::state_of_context);
        state.unwrap_or_else(|| quote!(()))
    }

    /// The payload's name, where it is used.
    pub(crate) fn payload(&self) -> TokenStream {
        self.input
            .as_ref()
            .map_or_else(|| quote!(_), |_| quote!(input))
    }

    /// Reads the payload `input` as the input; one that nobody takes is not looked at.
    pub(crate) fn read_input(&self, sdk: &TokenStream, of: &str) -> TokenStream {
        self.input.as_ref().map_or_else(TokenStream::new, |input| {
            let owned = &input.owned;
            quote!(let input = #sdk::private::input::<#owned>(#of, &input)?;)
        })
    }

    /// The function that writes the result; one that cannot be written is reported at its type.
    pub(crate) fn output(&self) -> TokenStream {
        let span = self.returned.span();
        let sdk = paths::sdk_at(span);
        quote_spanned!(span=> #sdk::private::output)
    }

    /// What the body is called with: `cx` and `input` are there by these names, both owned.
    pub(crate) fn arguments(&self) -> TokenStream {
        let context = self.context.map(|parameter| match &*parameter.ty {
            Type::Reference(_) => quote!(&cx,),
            _ => quote!(cx,),
        });
        let input = self.input.as_ref();
        let input = input.map(|input| input.argument(&quote!(input)));
        quote!(#context #input)
    }
}

impl<'a> Input<'a> {
    pub(crate) fn of(parameter: &'a PatType) -> Result<Self> {
        let (owned, borrowed) = match &*parameter.ty {
            Type::ImplTrait(ty) => {
                return Err(Error::new_spanned(
                    ty,
                    "the input has one type: what would its JSON be read as?",
                ));
            }
            Type::Reference(reference) => {
                if let Some(mutability) = &reference.mutability {
                    return Err(Error::new(
                        mutability.span(),
                        "the input came by wire: a change of it would reach nobody",
                    ));
                }
                (owned(&reference.elem), true)
            }
            ty => (ty.to_token_stream(), false),
        };
        Ok(Self {
            parameter,
            owned,
            borrowed,
        })
    }

    /// The parameter of the function that callers see.
    pub(crate) fn call_parameter(&self) -> TokenStream {
        let (name, ty) = (self.name(), &self.parameter.ty);
        quote!(#name: #ty)
    }

    /// The input, by reference, in the function that callers see.
    pub(crate) fn call_input(&self) -> TokenStream {
        let name = self.name();
        match self.borrowed {
            true => quote!(#name),
            false => quote!(&#name),
        }
    }

    /// What the body is called with; the variable of that name is owned.
    pub(crate) fn argument(&self, variable: &TokenStream) -> TokenStream {
        match self.borrowed {
            true => quote!(&#variable),
            false => variable.clone(),
        }
    }

    /// The parameter's name; of a pattern `input`.
    fn name(&self) -> Ident {
        match &*self.parameter.pat {
            Pat::Ident(pattern) => pattern.ident.clone(),
            _ => format_ident!("input"),
        }
    }
}

fn owned(borrowed: &Type) -> TokenStream {
    match borrowed {
        Type::Slice(slice) => {
            let element = &slice.elem;
            quote!(::std::vec::Vec<#element>)
        }
        Type::Path(path) if path.path.is_ident("str") => quote!(::std::string::String),
        other => other.to_token_stream(),
    }
}

/// Whether the last part of a type's path, by value or by reference, is `name`.
fn is_named(ty: &Type, name: &str) -> bool {
    match ty {
        Type::Reference(reference) => is_named(&reference.elem, name),
        Type::Path(path) => path
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == name),
        _ => false,
    }
}
