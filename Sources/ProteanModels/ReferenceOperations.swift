import Protean

extension ExitNetwork {
    /// The cost of every exit as the authors of ``MSDNet`` and ``RANet`` count it.
    ///
    /// One operation per multiply-add of a convolution or linear layer, per bias of a linear layer,
    /// per element of a ReLU (which follows every convolution of these networks) and per tap of a
    /// pooling; norms and enlargements are free. An exit's cost includes the exits before it. Not
    /// for networks whose norms come before convolutions (``RANet/Options/normsAfter``).
    /// - Parameter input: `[1, height, width, channels]`.
    /// - Throws: ``ProteanError`` when the shape does not fit.
    public func referenceOperations(for input: [Int]) throws(ProteanError) -> [Int] {
        let trace = Trace(), x = try Tensor(shapeOnly: input)
        _ = try trace.recording { () throws(ProteanError) in try all(x) }
        var operations = 0, exits: [Int] = []
        for event in trace.events {
            let outputs = event.outputShape.reduce(1, *)
            switch event.layer {
            case "Conv2d": operations += event.cost.multiplyAdds + outputs
            case "AvgPool2d": operations += outputs * 2 * 2
            case "MaxPool2d": operations += outputs * 3 * 3
            case "Linear":
                operations += event.cost.multiplyAdds + outputs
                exits.append(operations)
            default: break
            }
        }
        return exits
    }
}
