//! Rust source as text: which bytes are comments, which are string literals, which are calls of a macro.
//!
//! Enough of the language's lexical rules for the tidy tests; generated and unformatted code is not expected.

/// A string literal and where its opening quote is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal {
    /// Byte offset of the opening quote.
    pub offset: usize,
    /// What is between the quotes, escapes untouched.
    pub text: String,
}

/// One call of a macro.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MacroCall {
    /// Its name, without path and `!`.
    pub name: String,
    /// Line of the call, from 1.
    pub line: usize,
    /// What is between its parentheses, comments blanked.
    pub arguments: String,
}

/// A file's code without its comments and without what follows `#[cfg(test)]` and a module's opening, which by habit is the
/// file's end. Offsets and line numbers stay.
pub fn product_code(text: &str) -> String {
    let code = scan(text).code;
    match code.find("#[cfg(test)]\nmod ") {
        Some(end) => code[..end].to_owned(),
        None => code,
    }
}

/// The string literals of code, comments left out.
pub fn literals(text: &str) -> Vec<Literal> {
    scan(text).literals
}

/// The line of a byte offset, from 1.
pub fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

/// Calls of the named macros, with `(`, in code whose comments were blanked.
pub fn macro_calls(code: &str, names: &[&str]) -> Vec<MacroCall> {
    let mut found = Vec::new();
    for name in names {
        let opening = format!("{name}!(");
        for (offset, _) in code.match_indices(&opening) {
            let before = code[..offset].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let arguments = inside_parentheses(&code[offset + opening.len()..]);
            found.push(MacroCall { name: (*name).to_owned(), line: line_of(code, offset), arguments });
        }
    }
    found.sort_by_key(|call| call.line);
    found
}

/// The first argument of a call when it is a string literal.
pub fn first_literal(call: &MacroCall) -> Option<String> {
    let literal = literals(&call.arguments).into_iter().next()?;
    call.arguments[..literal.offset].trim().is_empty().then_some(literal.text)
}

/// The message of a log macro: its string that is an argument by itself, not the value of a field.
pub fn message(call: &MacroCall) -> Option<String> {
    literals(&call.arguments).into_iter().find_map(|literal| {
        let before = call.arguments[..literal.offset].trim_end().chars().next_back();
        matches!(before, None | Some(',')).then_some(literal.text)
    })
}

fn inside_parentheses(rest: &str) -> String {
    let scanned = scan(rest);
    let mut depth = 1_usize;
    for (offset, c) in rest.char_indices() {
        if scanned.in_literal(offset) {
            continue;
        }
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return rest[..offset].to_owned();
        }
    }
    rest.to_owned()
}

struct Scanned {
    code: String,
    literals: Vec<Literal>,
}

impl Scanned {
    fn in_literal(&self, offset: usize) -> bool {
        let at = self.literals.partition_point(|literal| literal.offset <= offset);
        at > 0 && offset <= self.literals[at - 1].offset + self.literals[at - 1].text.len() + 1
    }
}

/// Walks the text once, blanking comments and collecting literals.
fn scan(text: &str) -> Scanned {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut literals = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let end = if rest.starts_with(b"//") {
            let end = at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
            blank(&mut code[at..end]);
            end
        } else if rest.starts_with(b"/*") {
            let end = at + block_comment(rest);
            blank(&mut code[at..end]);
            end
        } else if let Some((open, close, end)) = string_literal(bytes, at) {
            literals.push(Literal { offset: open - 1, text: text[open..close].to_owned() });
            end
        } else if rest[0] == b'\'' {
            at + char_literal(rest)
        } else {
            at + 1
        };
        at = end;
    }
    Scanned { code: String::from_utf8_lossy(&code).into_owned(), literals }
}

fn blank(bytes: &mut [u8]) {
    bytes.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
}

/// Length of a block comment, which may contain others.
fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at + 1 < rest.len() {
        match &rest[at..at + 2] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// Where a string literal that begins at `at` opens, closes and ends; `None` when none begins there.
fn string_literal(bytes: &[u8], at: usize) -> Option<(usize, usize, usize)> {
    if bytes[at] == b'"' {
        let mut end = at + 1;
        while end < bytes.len() && bytes[end] != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        let end = end.min(bytes.len());
        return Some((at + 1, end, end + 1));
    }
    let part_of_a_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    if bytes[at] != b'r' || (part_of_a_word && bytes[at - 1] != b'b') {
        return None;
    }
    let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    let open = at + 1 + hashes + 1;
    if bytes.get(open - 1) != Some(&b'"') {
        return None;
    }
    let closing = [&b"\""[..], &b"#".repeat(hashes)].concat();
    let length = bytes[open..].windows(closing.len()).position(|window| window == closing)?;
    Some((open, open + length, open + length + closing.len()))
}

/// Length of a character literal, or 1 for a lifetime.
fn char_literal(rest: &[u8]) -> usize {
    if rest.get(1) == Some(&b'\\') {
        return 2 + rest[2..].iter().skip(1).position(|b| *b == b'\'').map_or(1, |p| p + 2);
    }
    let longest = rest.len().min(6);
    let close = rest[1..longest].iter().position(|b| *b == b'\'');
    match close {
        // One character of up to four bytes; anything longer is two lifetimes.
        Some(length) if std::str::from_utf8(&rest[1..=length]).is_ok_and(|c| c.chars().count() == 1) => {
            length + 2
        }
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<String> {
        literals(source).into_iter().map(|literal| literal.text).collect()
    }

    #[test]
    fn literals_are_found_and_comments_are_not() {
        let source =
            "let a = \"x\\\"y\"; // \"no\"\n/* \"no\" /* \"no\" */ */ r#\"q\"q\"# br\"z\" '\"' '\\'' \"end\"";
        assert_eq!(texts(source), ["x\\\"y", "q\"q", "z", "end"]);
    }

    #[test]
    fn lifetimes_are_no_characters() {
        assert_eq!(texts("fn f<'a>(x: &'a str) -> &'static str { \"in\" }"), ["in"]);
    }

    #[test]
    fn comments_and_test_modules_are_not_product_code() {
        let code = product_code("a(); // b\nc();\n#[cfg(test)]\nmod tests { d(); }");
        assert_eq!(code.trim_end(), "a();     \nc();");
    }

    #[test]
    fn calls_are_cut_at_their_own_parenthesis() {
        let calls = macro_calls("tracing::info!(a = f(1), \"said )\"); my_info!(\"no\");", &["info"]);
        assert_eq!(calls.len(), 1);
        assert_eq!(calls[0].arguments, "a = f(1), \"said )\"");
        assert_eq!(message(&calls[0]).as_deref(), Some("said )"));
    }

    #[test]
    fn the_message_is_not_the_value_of_a_field() {
        let calls = macro_calls("info!(name = \"Bob\", other = %x, \"hello\")", &["info"]);
        assert_eq!(message(&calls[0]).as_deref(), Some("hello"));
        assert_eq!(first_literal(&calls[0]), None);
    }
}
