//! Which field an offset into a JSON text belongs to.

/// The path of the value that contains the offset, or that ends at it: `list[1].zip`, empty for the whole text. Works on
/// broken texts too, up to where they break.
pub(super) fn path_at(text: &[u8], offset: usize) -> String {
    let text = text.get(..offset).unwrap_or(text);
    let mut steps: Vec<Step> = Vec::new();
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' => steps.push(Step::Field { name: String::new(), in_value: false }),
            b'[' => steps.push(Step::Element(0)),
            b'}' | b']' => {
                steps.pop();
            }
            b',' => match steps.last_mut() {
                Some(Step::Element(index)) => *index += 1,
                Some(Step::Field { name, in_value }) => {
                    name.clear();
                    *in_value = false;
                }
                None => {}
            },
            b':' => {
                if let Some(Step::Field { in_value, .. }) = steps.last_mut() {
                    *in_value = true;
                }
            }
            b'"' => {
                let mut content = Vec::new();
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'"' => break,
                        b'\\' => content.extend(bytes.next()),
                        byte => content.push(byte),
                    }
                }
                if let Some(Step::Field { name, in_value: false }) = steps.last_mut() {
                    *name = String::from_utf8_lossy(&content).into_owned();
                }
            }
            _ => {}
        }
    }
    let mut path = String::new();
    for step in &steps {
        match step {
            Step::Field { name, .. } if name.is_empty() => {}
            Step::Field { name, .. } => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(name);
            }
            Step::Element(index) => path.push_str(&format!("[{index}]")),
        }
    }
    path
}

enum Step {
    Field { name: String, in_value: bool },
    Element(usize),
}
