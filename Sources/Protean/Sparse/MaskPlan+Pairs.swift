import CProteanKernels

extension MaskPlan {
    /// The plan of the pixels of a map `[batch, height, width, 2]` whose first number is at least
    /// the second; a pixel with NaN is not active.
    ///
    /// - Throws: ``ProteanError`` when the shape is another, values are missing, there are 2³¹ pixels
    ///   or more, or memory is short.
    public convenience init(firstWins pairs: Tensor) throws(ProteanError) {
        guard pairs.rank == 4, pairs.shape[3] == 2 else {
            throw .shapeMismatch(
                layer: "MaskPlan", tensor: "pairs", expected: "[batch, height, width, 2]",
                found: pairs.shape)
        }
        guard let storage = pairs.storage else { throw .noValues(layer: "MaskPlan") }
        let shape = pairs.shape
        let plan = try Self.creating {
            ptn_mask_plan_first_wins($0, shape[0], shape[1], shape[2], storage.base, $1)
        }
        withExtendedLifetime(storage) {}
        self.init(adopting: plan)
    }
}
