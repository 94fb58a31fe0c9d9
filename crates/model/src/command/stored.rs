//! Bytes of a command's body: its fields one after the other, little-endian, without padding.

use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unalign, Unaligned};

/// Value with a fixed number of bytes in a body.
pub(crate) trait Stored: Copy {
    /// Bytes of the value.
    type Bytes: TryFromBytes + IntoBytes + Immutable + KnownLayout + Unaligned + Copy;

    /// Returns the bytes of the value.
    fn store(self) -> Self::Bytes;

    /// Reads a value from its bytes; `None` if no value has them.
    fn load(bytes: Self::Bytes) -> Option<Self>;
}

/// A value without padding is its own bytes.
impl<T: TryFromBytes + IntoBytes + Immutable + KnownLayout + Copy> Stored for T {
    type Bytes = Unalign<T>;

    #[inline(always)]
    fn store(self) -> Unalign<T> {
        Unalign::new(self)
    }

    #[inline(always)]
    fn load(bytes: Unalign<T>) -> Option<T> {
        Some(bytes.into_inner())
    }
}

/// Declares the body of a command: a struct, its bytes, and its fields in lines of text.
///
/// The bytes are those of the fields, in the order of the table. `= Name` behind a field gives its
/// [`Field`](crate::field::Field) in lines; `unless VALUE` leaves the field out of the line if it
/// has this value. A field without a name in lines is written there by hand, in `lines.rs`.
/// `about symbol` behind the name of an operator's command gives it a line of its symbol and these
/// fields.
macro_rules! body {
    (
        $(#[$doc:meta])*
        $vis:vis $name:ident about symbol { $($fields:tt)* }
    ) => {
        crate::command::stored::body! { $(#[$doc])* $vis $name { $($fields)* } }

        impl $name {
            /// Passes the fields of the command's line behind its `op`.
            pub(crate) fn fields(
                &self,
                command: &crate::command::Command,
                line: crate::field::Out,
            ) {
                line(crate::field::Field::Symbol, command.symbol.into());
                self.table_fields(line);
            }
        }
    };
    (
        $(#[$doc:meta])*
        $vis:vis $name:ident {
            $(
                $(#[$field_doc:meta])*
                $field:ident: $type:ty $(= $line_field:ident $(unless $default:expr)?)?
            ),* $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(C)]
        $vis struct $name { $($(#[$field_doc])* $vis $field: $type),* }

        const _: () = {
            use crate::command::stored::Stored;

            #[derive(
                Clone, Copy, zerocopy::TryFromBytes, zerocopy::IntoBytes, zerocopy::Immutable,
                zerocopy::KnownLayout, zerocopy::Unaligned,
            )]
            #[repr(C)]
            pub(crate) struct Bytes { $($field: <$type as Stored>::Bytes),* }

            impl Stored for $name {
                type Bytes = Bytes;

                #[inline(always)]
                fn store(self) -> Bytes {
                    Bytes { $($field: self.$field.store()),* }
                }

                #[inline(always)]
                fn load(bytes: Bytes) -> Option<Self> {
                    Some($name { $($field: Stored::load(bytes.$field)?),* })
                }
            }
        };

        crate::command::stored::line_fields! {
            $name { $($($field = $line_field $(unless $default)?;)?)* }
        }
    };
}
pub(crate) use body;

/// Declares the fields of a struct in lines of text, as in [`body!`].
macro_rules! line_fields {
    ($name:ident {}) => {};
    ($name:ident { $($field:ident = $line_field:ident $(unless $default:expr)?;)* }) => {
        impl $name {
            /// Passes the fields that the table names, in its order.
            pub(crate) fn table_fields(&self, line: crate::field::Out) {
                $(if true $(&& self.$field != $default)? {
                    line(crate::field::Field::$line_field, self.$field.into());
                })*
            }
        }
    };
}
pub(crate) use line_fields;
