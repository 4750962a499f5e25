//! One macro: the methods of a [`serde::Serializer`] that refuse.
//!
//! The Avro codec asks for a crate of this name on crates.io, which is LGPL-3.0-only and so cannot be linked here. This
//! one is written anew from how the codec calls it; `[patch.crates-io]` in the workspace puts it in that place.

#[doc(hidden)]
pub use serde;

/// `err = (expression); kind kind …`: inside an `impl Serializer`, every method of the named kinds returns that error.
#[macro_export]
macro_rules! serializer_unsupported {
    (err = ($err:expr); $($kind:ident)*) => {
        $( $crate::serializer_unsupported!(@ $kind ($err)); )*
    };
    (@ bool ($e:expr)) => { $crate::serializer_unsupported!(@@ serialize_bool($e) _v: bool); };
    (@ i8 ($e:expr)) => { $crate::serializer_unsupported!(@@ serialize_i8($e) _v: i8); };
    (@ i16 ($e:expr)) => { $crate::serializer_unsupported!(@@ serialize_i16($e) _v: i16); };
    (@ i32 ($e:expr)) => { $crate::serializer_unsupported!(@@ serialize_i32($e) _v: i32); };
    (@ i64 ($e:expr)) => { $crate::serializer_unsupported!(@@ serialize_i64($e) _v: i64); };
    (@ i128 ($e:expr)) => { $crate::serializer_unsupported!(@@ serialize_i128($e) _v: i128); };
    (@ u8 ($e:expr)) => { $crate::serializer_unsupported!(@@ serialize_u8($e) _v: u8); };
    (@ u16 ($e:expr)) => { $crate::serializer_unsupported!(@@ serialize_u16($e) _v: u16); };
    (@ u32 ($e:expr)) => { $crate::serializer_unsupported!(@@ serialize_u32($e) _v: u32); };
    (@ u64 ($e:expr)) => { $crate::serializer_unsupported!(@@ serialize_u64($e) _v: u64); };
    (@ u128 ($e:expr)) => { $crate::serializer_unsupported!(@@ serialize_u128($e) _v: u128); };
    (@ f32 ($e:expr)) => { $crate::serializer_unsupported!(@@ serialize_f32($e) _v: f32); };
    (@ f64 ($e:expr)) => { $crate::serializer_unsupported!(@@ serialize_f64($e) _v: f64); };
    (@ char ($e:expr)) => { $crate::serializer_unsupported!(@@ serialize_char($e) _v: char); };
    (@ str ($e:expr)) => { $crate::serializer_unsupported!(@@ serialize_str($e) _v: &str); };
    (@ bytes ($e:expr)) => { $crate::serializer_unsupported!(@@ serialize_bytes($e) _v: &[u8]); };
    (@ none ($e:expr)) => { $crate::serializer_unsupported!(@@ serialize_none($e)); };
    (@ unit ($e:expr)) => { $crate::serializer_unsupported!(@@ serialize_unit($e)); };
    (@ unit_struct ($e:expr)) => { $crate::serializer_unsupported!(@@ serialize_unit_struct($e) _n: &'static str); };
    (@ unit_variant ($e:expr)) => {
        $crate::serializer_unsupported!(@@ serialize_unit_variant($e) _n: &'static str, _i: u32, _v: &'static str);
    };
    (@ some ($e:expr)) => {
        fn serialize_some<T: ?Sized + $crate::serde::Serialize>(self, _value: &T) -> Result<Self::Ok, Self::Error> {
            Err($e)
        }
    };
    (@ newtype_struct ($e:expr)) => {
        fn serialize_newtype_struct<T: ?Sized + $crate::serde::Serialize>(
            self,
            _name: &'static str,
            _value: &T,
        ) -> Result<Self::Ok, Self::Error> {
            Err($e)
        }
    };
    (@ newtype_variant ($e:expr)) => {
        fn serialize_newtype_variant<T: ?Sized + $crate::serde::Serialize>(
            self,
            _name: &'static str,
            _index: u32,
            _variant: &'static str,
            _value: &T,
        ) -> Result<Self::Ok, Self::Error> {
            Err($e)
        }
    };
    (@ seq ($e:expr)) => { $crate::serializer_unsupported!(@@@ SerializeSeq serialize_seq($e) _len: Option<usize>); };
    (@ tuple ($e:expr)) => { $crate::serializer_unsupported!(@@@ SerializeTuple serialize_tuple($e) _len: usize); };
    (@ tuple_struct ($e:expr)) => {
        $crate::serializer_unsupported!(@@@ SerializeTupleStruct serialize_tuple_struct($e) _n: &'static str, _len: usize);
    };
    (@ tuple_variant ($e:expr)) => {
        $crate::serializer_unsupported!(
            @@@ SerializeTupleVariant serialize_tuple_variant($e) _n: &'static str, _i: u32, _v: &'static str, _len: usize
        );
    };
    (@ map ($e:expr)) => { $crate::serializer_unsupported!(@@@ SerializeMap serialize_map($e) _len: Option<usize>); };
    (@ struct ($e:expr)) => {
        $crate::serializer_unsupported!(@@@ SerializeStruct serialize_struct($e) _n: &'static str, _len: usize);
    };
    (@ struct_variant ($e:expr)) => {
        $crate::serializer_unsupported!(
            @@@ SerializeStructVariant serialize_struct_variant($e) _n: &'static str, _i: u32, _v: &'static str, _len: usize
        );
    };
    (@@ $method:ident($e:expr) $($arg:ident: $type:ty),*) => {
        fn $method(self, $($arg: $type),*) -> Result<Self::Ok, Self::Error> {
            Err($e)
        }
    };
    (@@@ $compound:ident $method:ident($e:expr) $($arg:ident: $type:ty),*) => {
        type $compound = $crate::serde::ser::Impossible<Self::Ok, Self::Error>;
        fn $method(self, $($arg: $type),*) -> Result<Self::$compound, Self::Error> {
            Err($e)
        }
    };
}
