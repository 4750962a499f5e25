//! `#[workflow]` on an `impl` block: a workflow with state, whose method marked `#[run]` is run.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{
    Attribute, Error, FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, Result, Signature, Type,
    spanned::Spanned,
};

use crate::{
    function::Shape,
    options::Options,
    workflow::{Implementation, KIND, OPTIONS, implementation, require_context},
};

pub(crate) fn expand(options: &Options, mut block: ItemImpl) -> Result<TokenStream> {
    options.only(OPTIONS, "a workflow")?;
    if !block.generics.params.is_empty() || block.trait_.is_some() {
        let text = "`#[workflow]` stands on an `impl` block of a type without generic parameters, and of no trait";
        return Err(Error::new(block.impl_token.span(), text));
    }
    let run = marked(&mut block, "run")?.ok_or_else(|| {
        Error::new(
            block.impl_token.span(),
            "one method of the block is marked `#[run]`: it is the workflow",
        )
    })?;
    let init = marked(&mut block, "init")?;
    let mut signature = run.clone();
    let receiver = take_receiver(&mut signature);
    let shape = Shape::of(&signature, KIND)?;
    require_context(&shape, run.ident.span())?;

    if let Some(init) = &init
        && shape.input.is_none()
        && !init.inputs.is_empty()
    {
        let text = "the method marked `#[run]` takes no input, so there is none to begin with";
        return Err(Error::new_spanned(&init.inputs, text));
    }

    let ty = &block.self_ty;
    let (method, arguments) = (&run.ident, shape.arguments());
    let run = match receiver {
        None => quote_spanned!(method.span()=> <#ty>::#method(#arguments).await),
        Some(receiver) => {
            let initial = initial(ty, init.as_ref());
            let receiver = by(&receiver);
            quote_spanned! {method.span()=> {
                #[allow(unused_mut, reason = "only `&mut self` wants it")]
                let mut state: #ty = #initial;
                <#ty>::#method(#receiver, #arguments).await
            }}
        }
    };
    let name = options.wire_name(type_name(ty)?);
    let implementation = implementation(&Implementation {
        options,
        name: &name,
        shape: &shape,
        ty: quote!(#ty),
        before: TokenStream::new(),
        run,
    });
    Ok(quote! {
        #block

        #implementation
    })
}

/// The signature of the one function with this marker, which is taken away.
fn marked(block: &mut ItemImpl, marker: &str) -> Result<Option<Signature>> {
    let mut found: Option<Signature> = None;
    let methods = block.items.iter_mut().filter_map(|item| match item {
        ImplItem::Fn(method) => Some(method),
        _ => None,
    });
    for method in methods {
        if take_marker(method, marker).is_none() {
            continue;
        }
        if let Some(first) = &found {
            let text = format!("`{}` is marked `#[{marker}]` already", first.ident);
            return Err(Error::new(method.sig.ident.span(), text));
        }
        found = Some(method.sig.clone());
    }
    Ok(found)
}

fn take_marker(method: &mut ImplItemFn, marker: &str) -> Option<Attribute> {
    let at = method
        .attrs
        .iter()
        .position(|one| one.path().is_ident(marker))?;
    Some(method.attrs.remove(at))
}

fn take_receiver(signature: &mut Signature) -> Option<syn::Receiver> {
    let Some(FnArg::Receiver(receiver)) = signature.inputs.first().cloned() else {
        return None;
    };
    signature.inputs = signature.inputs.iter().skip(1).cloned().collect();
    Some(receiver)
}

/// The state that a run begins with.
fn initial(ty: &Type, init: Option<&Signature>) -> TokenStream {
    match init {
        Some(init) => {
            let (function, input) = (
                &init.ident,
                (!init.inputs.is_empty()).then(|| quote!(&input)),
            );
            quote!(<#ty>::#function(#input))
        }
        None => quote_spanned!(ty.span()=> <#ty as ::std::default::Default>::default()),
    }
}

/// How the state is handed to the method.
fn by(receiver: &syn::Receiver) -> TokenStream {
    match (&receiver.reference, &receiver.mutability) {
        (None, _) => quote!(state),
        (Some(_), None) => quote!(&state),
        (Some(_), Some(_)) => quote!(&mut state),
    }
}

fn type_name(ty: &Type) -> Result<&Ident> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|last| &last.ident),
        _ => None,
    }
    .ok_or_else(|| {
        Error::new_spanned(
            ty,
            "`#[workflow]` stands on an `impl` block of a named type",
        )
    })
}
