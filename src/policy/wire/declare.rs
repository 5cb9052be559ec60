//! The two declarations that all files are made of: `object!` for keys, `words!` for closed sets of words.
//! Each makes a type, its reader and its documentation from one source.

/// Declares an object of the files: a struct, its reader and its documentation. `shape` looks at which keys are
/// there, and so finds its mistakes beside those inside the keys; `check` compares values that were all read.
macro_rules! object {
    (
        $(#[doc = $doc:literal])+
        pub struct $name:ident $(shape $shape:path,)? check $check:path {
            $( $(#[doc = $key_doc:literal])+ $key:literal => $field:ident : $ty:ty [$($presence:tt)+] ),+ $(,)?
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone)]
        pub struct $name { $( $(#[doc = $key_doc])+ pub $field: $crate::wire::declare::field_type!($ty, $($presence)+) ),+ }

        impl $crate::wire::decode::Decode for $name {
            fn decode(node: &$crate::node::Node, report: &mut $crate::diagnostic::Report) -> Option<Self> {
                let before = report.count($crate::diagnostic::Level::Error);
                let entries = $crate::wire::decode::entries(node, report)?;
                let _all_known = $crate::wire::decode::check_keys(entries, &[$($key),+], report);
                $( let $field = $crate::wire::declare::field!(node, report, $key, $ty, $($presence)+); )+
                $( $shape(node, _all_known, report); )?
                if report.count($crate::diagnostic::Level::Error) > before {
                    return None;
                }
                let value = Self { $( $field: $field? ),+ };
                $check(&value, node, report);
                Some(value)
            }

            fn kind() -> $crate::wire::decode::Kind {
                // The texts are for the documentation alone: some 25 KiB that the filter does not carry.
                #[cfg(feature = "docs")]
                fn section() -> $crate::wire::decode::Section {
                    $crate::wire::decode::Section {
                        name: stringify!($name),
                        doc: concat!($($doc, "\n"),+),
                        keys: vec![ $( $crate::wire::decode::KeyDoc {
                            key: $key,
                            kind: <$ty as $crate::wire::decode::Decode>::kind(),
                            presence: $crate::wire::declare::presence!($($presence)+),
                            doc: concat!($($key_doc, "\n"),+),
                        } ),+ ],
                    }
                }
                $crate::wire::decode::Kind {
                    label: stringify!($name).to_owned(),
                    #[cfg(feature = "docs")]
                    section: Some(section),
                    #[cfg(not(feature = "docs"))]
                    section: None,
                }
            }

            #[cfg(feature = "docs")]
            fn schema(definitions: &mut $crate::wire::schema::Definitions) -> serde_json::Value {
                $crate::wire::schema::object(stringify!($name), concat!($($doc, "\n"),+), definitions, |definitions| {
                    vec![ $( $crate::wire::schema::Property {
                        key: $key,
                        doc: concat!($($key_doc, "\n"),+),
                        presence: $crate::wire::declare::presence!($($presence)+),
                        schema: <$ty as $crate::wire::decode::Decode>::schema(definitions),
                    } ),+ ]
                })
            }
        }
    };
}

macro_rules! field_type {
    ($ty:ty, optional) => { Option<$ty> };
    ($ty:ty, $($other:tt)+) => { $ty };
}

/// Gives `Some(value)` for the field, or `None` after reporting why there is none.
macro_rules! field {
    ($node:ident, $report:ident, $key:literal, $ty:ty, required) => {
        $crate::wire::decode::required::<$ty>($node, $key, $report)
    };
    ($node:ident, $report:ident, $key:literal, $ty:ty, optional) => {
        Some($crate::wire::decode::optional::<$ty>($node, $key, $report))
    };
    ($node:ident, $report:ident, $key:literal, $ty:ty, default $text:literal = $value:expr) => {
        Some($crate::wire::decode::optional::<$ty>($node, $key, $report).unwrap_or_else(|| $value))
    };
}

#[cfg(feature = "docs")]
macro_rules! presence {
    (required) => {
        "required".to_owned()
    };
    (optional) => {
        "optional".to_owned()
    };
    (default $text:literal = $value:expr) => {
        format!("default `{}`", $text)
    };
}

/// Declares a closed set of words.
macro_rules! words {
    ($(#[doc = $doc:literal])+ pub enum $name:ident { $( $(#[doc = $word_doc:literal])* $variant:ident = $word:literal ),+ $(,)? }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $( $(#[doc = $word_doc])* $variant ),+ }

        impl $name {
            /// The word as the files write it.
            #[must_use]
            pub fn word(self) -> &'static str { match self { $( Self::$variant => $word ),+ } }
        }

        impl $crate::wire::decode::Decode for $name {
            fn decode(node: &$crate::node::Node, report: &mut $crate::diagnostic::Report) -> Option<Self> {
                let text = $crate::wire::decode::text(node, report)?;
                match text {
                    $( $word => Some(Self::$variant), )+
                    _ => {
                        $crate::wire::decode::unknown_word(text, &[$($word),+], node, report);
                        None
                    }
                }
            }

            fn kind() -> $crate::wire::decode::Kind {
                $crate::wire::decode::Kind::plain([$(concat!("`", $word, "`")),+].join(" \\| "))
            }

            #[cfg(feature = "docs")]
            fn schema(_: &mut $crate::wire::schema::Definitions) -> serde_json::Value {
                serde_json::json!({"type": "string", "enum": [$($word),+]})
            }
        }
    };
}

#[cfg(feature = "docs")]
pub(crate) use presence;
pub(crate) use {field, field_type, object, words};
