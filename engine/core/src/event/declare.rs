//! How events are declared: once, with all their forms.

/// What a variant of [`Event`] holds: the event itself unless something else is said.
macro_rules! held {
    ($name:ident) => {
        $name
    };
    ($name:ident, $held:ty) => {
        $held
    };
}

/// Declares every event once: the struct, the variant of [`Event`], its name and its form for people.
///
/// `in Arc` are those that state goes on to need as they are: it shares them. `in Box` are rare ones that would make all
/// others larger.
macro_rules! events {
    ($( $(#[$doc:meta])* $name:ident $(in $held:ty)? { $( $(#[$field_doc:meta])* $field:ident: $type:ty, )* } )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
            pub struct $name { $( $(#[$field_doc])* pub $field: $type, )* }

            impl Show for $name {
                fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    let mut map = serializer.serialize_map(None)?;
                    $( map.serialize_entry(stringify!($field), &Shown(&self.$field))?; )*
                    map.end()
                }
            }
        )*

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
        }

        impl Event {
            /// The event of that name with these `attributes`, as the API's JSON has them.
            ///
            /// # Errors
            /// No event has that name, or its attributes are not as they should be; for people.
            pub fn read(name: &str, attributes: &RawValue) -> Result<Self, String> {
                let of = Attributes::of(attributes)?;
                match name {
                    $( stringify!($name) => Ok(Self::from($name {
                        $( $field: of.read(stringify!($field))?, )*
                    })), )*
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
