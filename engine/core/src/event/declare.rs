//! How events are declared: each with its fields where its subject is, all together as the variants of [`Event`](super::Event).

/// What a variant of [`Event`](super::Event) holds: the event itself unless something else is said.
macro_rules! held {
    ($name:ident) => {
        $name
    };
    ($name:ident, $held:ty) => {
        $held
    };
}

/// Declares events of one subject: the struct and its form for people, both ways.
macro_rules! event {
    ($( $(#[$doc:meta])* $name:ident { $( $(#[$field_doc:meta])* $field:ident: $type:ty, )* } )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
            pub struct $name { $( $(#[$field_doc])* pub $field: $type, )* }

            impl crate::show::Show for $name {
                fn show<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    let mut map = serializer.serialize_map(None)?;
                    $(
                        let value = crate::show::Shown(&self.$field);
                        serde::ser::SerializeMap::serialize_entry(&mut map, stringify!($field), &value)?;
                    )*
                    serde::ser::SerializeMap::end(map)
                }
            }

            impl crate::show::Read for $name {
                fn read(shown: &serde_json::value::RawValue) -> Result<Self, alloc::string::String> {
                    let of = crate::show::Attributes::of(shown)?;
                    Ok(Self { $( $field: of.read(stringify!($field))?, )* })
                }
            }
        )*
    };
}

/// Declares [`Event`](super::Event) over all of them.
///
/// `in Arc` are those that state goes on to need as they are: it shares them. `in Box` are rare ones that would make all
/// others larger.
macro_rules! events {
    ($( $(#[$doc:meta])* $name:ident $(in $held:ty)?, )*) => {
        /// One fact. The variants are in the order in which they came to exist; new ones go last.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Event { $( $(#[$doc])* $name(held!($name $(, $held)?)), )* }

        impl Event {
            /// The names of all events.
            pub const NAMES: &[&str] = &[$( stringify!($name) ),*];

            /// The event's name, the same everywhere.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self { $( Self::$name(_) => stringify!($name), )* }
            }

            /// The event of that name with these `attributes`, as the API's JSON has them.
            ///
            /// # Errors
            /// No event has that name, or its attributes are not as they should be; for people.
            pub fn read(name: &str, attributes: &RawValue) -> Result<Self, String> {
                match name {
                    $( stringify!($name) => <$name as Read>::read(attributes).map(Self::from), )*
                    _ => Err(format!("no event has the name `{name}`")),
                }
            }
        }

        /// An event's attributes, as `attributes` in the API's JSON.
        impl Show for Event {
            fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $( Self::$name(event) => event.show(serializer), )* }
            }
        }

        $( impl From<$name> for Event { fn from(event: $name) -> Self { Self::$name(event.into()) } } )*
    };
}
