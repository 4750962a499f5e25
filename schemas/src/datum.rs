//! Writing a datum: Avro's binary form, straight from a Rust value.
//!
//! No schema is looked at while writing, which makes it several times as fast: a record's fields are written in Rust's
//! order, a branch of a union and a symbol of an enum by Rust's number of the variant, `None` as the first branch of two.
//! Deliberately absent: what our schemas do not use (maps, floats, fixed).
//!
//! Invariant: the schema and the Rust type have the same fields, branches and symbols in the same order. Test:
//! `transition_with_all_events_and_its_schema_agree` and its neighbours; that other readers agree is tested there too.

use std::fmt::{self, Display};

use serde::ser::{self, Serialize};

/// Appends `value` to `into`.
///
/// # Errors
/// The value has no form in Avro, in words; something of it may have been appended.
pub(crate) fn write<T: Serialize>(value: &T, into: &mut Vec<u8>) -> Result<(), NoForm> {
    value.serialize(&mut Writer { into })
}

/// Why a value has no form in Avro.
#[derive(Debug)]
pub(crate) struct NoForm(String);

impl Display for NoForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoForm {}

impl ser::Error for NoForm {
    fn custom<T: Display>(reason: T) -> Self {
        Self(reason.to_string())
    }
}

struct Writer<'a> {
    into: &'a mut Vec<u8>,
}

impl Writer<'_> {
    /// Zigzag, seven bits a byte, the lowest first.
    fn long(&mut self, value: i64) {
        let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
        while rest >= 0x80 {
            self.into.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        self.into.push(rest.to_le_bytes()[0]);
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), NoForm> {
        self.length(bytes.len())?;
        self.into.extend_from_slice(bytes);
        Ok(())
    }

    fn length(&mut self, length: usize) -> Result<(), NoForm> {
        self.long(i64::try_from(length).map_err(ser::Error::custom)?);
        Ok(())
    }
}

fn none<T>(what: &str) -> Result<T, NoForm> {
    Err(NoForm(format!("our schemas have no {what}")))
}

macro_rules! as_long {
    ($($method:ident: $type:ty),*) => { $(
        fn $method(self, value: $type) -> Result<(), NoForm> {
            self.long(value.into());
            Ok(())
        }
    )* };
}

macro_rules! absent {
    ($($method:ident: $type:ty),*) => { $(
        fn $method(self, _: $type) -> Result<(), NoForm> {
            none(stringify!($type))
        }
    )* };
}

impl<'a, 'w> ser::Serializer for &'a mut Writer<'w> {
    type Ok = ();
    type Error = NoForm;
    type SerializeSeq = List<'a, 'w>;
    type SerializeTuple = ser::Impossible<(), NoForm>;
    type SerializeTupleStruct = ser::Impossible<(), NoForm>;
    type SerializeTupleVariant = ser::Impossible<(), NoForm>;
    type SerializeMap = ser::Impossible<(), NoForm>;
    type SerializeStruct = Self;
    type SerializeStructVariant = ser::Impossible<(), NoForm>;

    as_long!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64);
    as_long!(serialize_u8: u8, serialize_u16: u16, serialize_u32: u32);
    absent!(serialize_f32: f32, serialize_f64: f64, serialize_char: char);

    fn serialize_u64(self, value: u64) -> Result<(), NoForm> {
        let fits = i64::try_from(value).map_err(|_| NoForm(format!("{value} is over a long")))?;
        self.long(fits);
        Ok(())
    }

    fn serialize_bool(self, value: bool) -> Result<(), NoForm> {
        self.into.push(u8::from(value));
        Ok(())
    }

    fn serialize_str(self, text: &str) -> Result<(), NoForm> {
        self.bytes(text.as_bytes())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), NoForm> {
        self.bytes(bytes)
    }

    fn serialize_none(self) -> Result<(), NoForm> {
        self.long(0);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NoForm> {
        self.long(1);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), NoForm> {
        none("unit")
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), NoForm> {
        none(name)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        symbol: u32,
        _: &'static str,
    ) -> Result<(), NoForm> {
        self.serialize_u32(symbol)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), NoForm> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        branch: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), NoForm> {
        self.long(branch.into());
        value.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<List<'a, 'w>, NoForm> {
        let Some(length) = length else {
            return none("list of unknown length");
        };
        // One block of all items, unless there is none.
        if length > 0 {
            self.length(length)?;
        }
        Ok(List(self))
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, NoForm> {
        none("tuple")
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, NoForm> {
        none(name)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, NoForm> {
        none(variant)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, NoForm> {
        none("map")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, NoForm> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, NoForm> {
        none(variant)
    }
}

impl ser::SerializeStruct for &mut Writer<'_> {
    type Ok = ();
    type Error = NoForm;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        _: &'static str,
        value: &T,
    ) -> Result<(), NoForm> {
        value.serialize(&mut **self)
    }

    fn skip_field(&mut self, field: &'static str) -> Result<(), NoForm> {
        Err(NoForm(format!("field {field} is left out")))
    }

    fn end(self) -> Result<(), NoForm> {
        Ok(())
    }
}

/// An array under way; the count of its items has been written.
struct List<'a, 'w>(&'a mut Writer<'w>);

impl ser::SerializeSeq for List<'_, '_> {
    type Ok = ();
    type Error = NoForm;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), NoForm> {
        item.serialize(&mut *self.0)
    }

    fn end(self) -> Result<(), NoForm> {
        self.0.long(0);
        Ok(())
    }
}
