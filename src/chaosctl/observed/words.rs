//! Numbers as people read them.

/// A number with at most three digits that matter: `0.83`, `12.3`, `2140`.
pub fn number(number: f64) -> String {
    // Nothing that is measured is so large, and its digits would fill a page.
    if !number.is_finite() || number.abs() >= 1e15 {
        return "out of range".to_owned();
    }
    let decimals = match number.abs() {
        n if n < 10.0 => 2,
        n if n < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{number:.decimals$}");
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_have_the_digits_that_matter() {
        let told: Vec<String> = [0.0, 0.834, 5.0, 12.34, 99.96, 2140.4].into_iter().map(number).collect();
        for odd in [1e308, -1e308, f64::NAN, f64::INFINITY] {
            assert_eq!(number(odd), "out of range");
        }
        assert_eq!(told, ["0", "0.83", "5", "12.3", "100", "2140"]);
    }
}
