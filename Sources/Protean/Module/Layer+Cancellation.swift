extension Layer {
    /// Applies the layer away from the caller's actor; stops between kernels when the task is
    /// cancelled.
    ///
    /// - Throws: `CancellationError`, and ``ProteanError`` when the input does not fit.
    public func output(for x: Tensor) async throws -> Tensor {
        try Runtime.stoppingWhenCancelled { try self(x) }
    }

    /// Applies the layer to one input after the other, away from the caller's actor; stops between
    /// inputs and between kernels when the task is cancelled.
    ///
    /// - Parameters:
    ///   - inputs: the tensors to which the layer is applied.
    ///   - progress: called after each input with the number of inputs done, on the computing task.
    /// - Returns: the results in the inputs' order.
    /// - Throws: `CancellationError`, and ``ProteanError`` for the first input that does not fit.
    public func outputs(
        for inputs: [Tensor], progress: (@Sendable (_ done: Int) -> Void)? = nil
    ) async throws -> [Tensor] {
        var results: [Tensor] = []
        results.reserveCapacity(inputs.count)
        for x in inputs {
            // Yields, so that other tasks on this thread, for example the cancelling one, can run.
            await Task.yield()
            results.append(try Runtime.stoppingWhenCancelled { try self(x) })
            progress?(results.count)
        }
        return results
    }
}
