/// How close to the defining sums results must be.
public enum Exactness: String, Sendable, CaseIterable {
    /// Winograd's forms are allowed for all values. Their rounding errors are some four times those
    /// of the defining sums for values of similar size; large values, NaN and infinity also spoil
    /// up to 35 neighbouring outputs that do not read them.
    case fast
    /// Winograd's forms are allowed where their errors stay small: tiles whose values differ too
    /// much in size or are not finite are computed by the defining sums. The default. Costs some
    /// per cent of a convolution's time, and that of the defining sums for such tiles.
    case guarded
    /// Convolutions are computed by the defining sums.
    case direct
}
