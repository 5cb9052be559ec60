//! Five numbers for a series of measurements: its extremes, its median and its quartiles. Pure.

use serde::Serialize;

/// A series in five numbers, all in the unit of the series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// The smallest value.
    pub min: f64,
    /// A quarter of the values lie below.
    pub lower: f64,
    /// Half of the values lie below.
    pub median: f64,
    /// Three quarters of the values lie below.
    pub upper: f64,
    /// The largest value.
    pub max: f64,
}

impl Spread {
    /// The spread of `values`; all zero when there is none.
    pub fn of(values: &[f64]) -> Self {
        let mut ascending = values.to_vec();
        ascending.sort_unstable_by(f64::total_cmp);
        Self {
            min: quantile(&ascending, 0.0),
            lower: quantile(&ascending, 0.25),
            median: quantile(&ascending, 0.5),
            upper: quantile(&ascending, 0.75),
            max: quantile(&ascending, 1.0),
        }
    }
}

/// The spread of `values - base`, pair by pair: what disturbs a whole round drops out.
pub fn paired_difference(values: &[f64], base: &[f64]) -> Spread {
    Spread::of(&values.iter().zip(base).map(|(value, base)| value - base).collect::<Vec<_>>())
}

/// The value below which `share` (0 to 1) of the ascending values lie, interpolated; 0 when there is none.
pub fn quantile(ascending: &[f64], share: f64) -> f64 {
    let Some(last) = ascending.len().checked_sub(1) else { return 0.0 };
    let place = share.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    ascending[below] + (ascending[above] - ascending[below]) * (place - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_series_gives_its_middle_and_its_quartiles_in_any_order() {
        let spread = Spread::of(&[5.0, 1.0, 4.0, 2.0, 3.0]);
        assert_eq!(spread, Spread { min: 1.0, lower: 2.0, median: 3.0, upper: 4.0, max: 5.0 });
    }

    #[test]
    fn an_even_series_is_interpolated() {
        let spread = Spread::of(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!((spread.lower, spread.median, spread.upper), (1.75, 2.5, 3.25));
    }

    #[test]
    fn one_value_and_none() {
        assert_eq!(Spread::of(&[7.0]), Spread { min: 7.0, lower: 7.0, median: 7.0, upper: 7.0, max: 7.0 });
        assert_eq!(Spread::of(&[]), Spread::default());
    }

    #[test]
    fn a_disturbance_of_whole_rounds_drops_out_of_paired_differences() {
        let (base, values) = ([10.0, 30.0, 11.0], [14.0, 34.0, 15.0]);
        assert_eq!(paired_difference(&values, &base).median, 4.0);
        assert_eq!(paired_difference(&values, &base).max, 4.0);
    }

    #[test]
    fn quantiles_stay_inside_the_series() {
        let values = [1.0, 2.0];
        assert_eq!(
            (quantile(&values, -1.0), quantile(&values, 0.99), quantile(&values, 2.0)),
            (1.0, 1.99, 2.0)
        );
    }
}
