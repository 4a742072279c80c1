//! What is done to a component after the compiler is through with it.

/// The custom section that holds a plugin's part of the OpenAPI document. The host reads it by this name.
const OPENAPI: &str = "devconnect:openapi";

/// The component with its OpenAPI document, if it has one.
///
/// A custom section may stand between any two sections and at the end of a component, so it is appended: nothing in front
/// of it moves, and the compiler's output stays recognisable in the finished file.
pub(super) fn finish(mut component: Vec<u8>, openapi: Option<&str>) -> Vec<u8> {
    if let Some(document) = openapi {
        let mut content = length(OPENAPI.len());
        content.extend_from_slice(OPENAPI.as_bytes());
        content.extend_from_slice(document.as_bytes());
        // Section 0 is the custom one.
        component.push(0);
        component.extend_from_slice(&length(content.len()));
        component.extend_from_slice(&content);
    }
    component
}

/// A length as WebAssembly writes it: LEB128, seven bits a byte, lowest first.
fn length(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_leb128() {
        assert_eq!(length(0), [0]);
        assert_eq!(length(127), [0x7f]);
        assert_eq!(length(128), [0x80, 0x01]);
        assert_eq!(length(624_485), [0xe5, 0x8e, 0x26]);
    }

    #[test]
    fn the_document_is_appended_as_a_section_that_a_parser_finds() {
        let empty = b"\0asm\x0d\0\x01\0".to_vec();
        let document = format!("{{\"paths\": \"{}\"}}", "x".repeat(300));
        let finished = finish(empty.clone(), Some(&document));
        assert!(finished.starts_with(&empty));
        let mut sections =
            wasmparser::Parser::new(0).parse_all(&finished).map(Result::unwrap).filter_map(|payload| match payload {
                wasmparser::Payload::CustomSection(section) => {
                    Some((section.name().to_owned(), section.data().to_vec()))
                }
                _ => None,
            });
        assert_eq!(sections.next(), Some((OPENAPI.to_owned(), document.into_bytes())));
        assert_eq!(sections.next(), None);
    }

    #[test]
    fn a_component_without_a_document_stays_as_it_is() {
        assert_eq!(finish(b"abc".to_vec(), None), b"abc");
    }
}
