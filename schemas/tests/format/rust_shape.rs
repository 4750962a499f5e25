//! Reads the shape of a Rust type off its `Deserialize`: which fields, variants and primitives it asks for, line by line.
//!
//! The type is deserialized once per node. A path of steps leads to the node, whose question is noted; then an error ends it.

use std::cell::RefCell;

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, EnumAccess, Error as _, MapAccess, SeqAccess, VariantAccess, Visitor,
        value::{Error, StrDeserializer},
    },
};

/// What a type asks for at one node.
#[derive(Clone, Debug)]
enum Question {
    Primitive(&'static str),
    Option,
    Sequence,
    Struct(&'static [&'static str]),
    Enum(&'static [&'static str]),
    UnitVariant,
}

/// The shape of `T` below `name`, in the words of [`crate::schema_shape::lines`].
pub(crate) fn lines<'de, T: Deserialize<'de>>(name: &str) -> Vec<String> {
    let mut lines = Vec::new();
    describe::<T>(name, &mut Vec::new(), &mut lines);
    lines
}

fn describe<'de, T: Deserialize<'de>>(name: &str, path: &mut Vec<usize>, lines: &mut Vec<String>) {
    let question = ask::<T>(path);
    let mut below = |step: usize, name: &str, lines: &mut Vec<String>| {
        path.push(step);
        describe::<T>(name, path, lines);
        path.pop();
    };
    match question {
        Question::Primitive(kind) => lines.push(format!("{name}: {kind}")),
        Question::Option => below(0, &format!("{name}?"), lines),
        Question::Sequence => below(0, &format!("{name}[]"), lines),
        Question::Struct(fields) => {
            lines.push(format!("{name}: record"));
            for (step, field) in fields.iter().enumerate() {
                below(step, &format!("{name}.{field}"), lines);
            }
        }
        Question::Enum(variants) => {
            for (step, variant) in variants.iter().enumerate() {
                below(step, &format!("{name} {variant}"), lines);
            }
        }
        Question::UnitVariant => lines.push(format!("{name}: symbol")),
    }
}

fn ask<'de, T: Deserialize<'de>>(path: &[usize]) -> Question {
    let noted = RefCell::new(None);
    let _stopped = T::deserialize(Probe {
        path,
        noted: &noted,
    });
    noted
        .into_inner()
        .unwrap_or_else(|| panic!("nothing is asked for at {path:?}"))
}

#[derive(Clone, Copy)]
struct Probe<'a> {
    path: &'a [usize],
    noted: &'a RefCell<Option<Question>>,
}

impl Probe<'_> {
    /// The next step, or, at the end of the path, the question is noted.
    fn step(self, question: Question) -> Result<(usize, Self), Error> {
        match self.path.split_first() {
            Some((step, path)) => Ok((*step, Self { path, ..self })),
            None => {
                self.noted.replace(Some(question));
                Err(Error::custom("seen"))
            }
        }
    }
}

macro_rules! primitives {
    ($($method:ident = $kind:literal,)*) => { $(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
            self.step(Question::Primitive($kind))?;
            Err(Error::custom("a primitive has nothing below it"))
        }
    )* };
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Error;

    primitives! {
        deserialize_bool = "boolean",
        deserialize_i8 = "long", deserialize_i16 = "long", deserialize_i32 = "long", deserialize_i64 = "long",
        deserialize_u8 = "long", deserialize_u16 = "long", deserialize_u32 = "long", deserialize_u64 = "long",
        deserialize_f32 = "float", deserialize_f64 = "double",
        deserialize_char = "string", deserialize_str = "string", deserialize_string = "string",
        deserialize_bytes = "bytes", deserialize_byte_buf = "bytes",
        deserialize_unit = "null", deserialize_any = "any", deserialize_identifier = "identifier",
        deserialize_ignored_any = "ignored",
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self.step(Question::Option)?.1)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Below(self.step(Question::Sequence)?.1))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let (step, probe) = self.step(Question::Struct(fields))?;
        visitor.visit_map(Field {
            name: fields[step],
            probe,
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let (step, probe) = self.step(Question::Enum(variants))?;
        visitor.visit_enum(Field {
            name: variants[step],
            probe,
        })
    }

    serde::forward_to_deserialize_any! { unit_struct tuple tuple_struct map }
}

struct Below<'a>(Probe<'a>);

impl<'de> SeqAccess<'de> for Below<'_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        seed.deserialize(self.0).map(Some)
    }
}

/// One field of a struct, or one variant of an enum.
struct Field<'a> {
    name: &'static str,
    probe: Probe<'a>,
}

impl<'de> MapAccess<'de> for Field<'_> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        seed.deserialize(StrDeserializer::new(self.name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(self.probe)
    }
}

impl<'de, 'a> EnumAccess<'de> for Field<'a> {
    type Error = Error;
    type Variant = Below<'a>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Below<'a>), Error> {
        seed.deserialize(StrDeserializer::new(self.name))
            .map(|variant| (variant, Below(self.probe)))
    }
}

impl<'de> VariantAccess<'de> for Below<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        self.0.step(Question::UnitVariant).map(drop)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("a variant of a union holds one record"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        Err(Error::custom("a variant of a union holds one record"))
    }
}
