@testable import Protean

/// A convolution and an image size: together the cases reach every algorithm of the dense
/// convolution, with odd sizes, strides, dilations, groups and lopsided padding.
struct ConvolutionCase: CustomStringConvertible, Sendable {
    var name: String
    var inputs: Int
    var outputs: Int
    var kernel: Size2d = 3
    var stride: Size2d = 1
    var padding: Padding2d = 1
    var dilation: Size2d = 1
    var groups = 1
    var algorithm = Conv2dAlgorithm.automatic
    var height = 9
    var width = 7

    var description: String { name }

    func layer(bias: Bool = true, seed: UInt64 = 3) throws -> Conv2d {
        try Conv2d(
            inputChannels: inputs, outputChannels: outputs, kernelSize: kernel, stride: stride,
            padding: padding, dilation: dilation, groups: groups, bias: bias,
            algorithm: algorithm, seed: seed)
    }

    func input(_ batch: Int, channels: Int? = nil, seed: UInt64 = 1) throws -> Tensor {
        try MapTest.tensor([batch, height, width, channels ?? inputs], seed: seed)
    }

    static let dense: [ConvolutionCase] = [
        ConvolutionCase(name: "direct 3x3", inputs: 37, outputs: 50, algorithm: .direct),
        ConvolutionCase(
            name: "direct stride 2, dilated", inputs: 24, outputs: 40, stride: 2,
            padding: .explicit(top: 2, bottom: 1, left: 0, right: 3), dilation: 2),
        ConvolutionCase(name: "stem", inputs: 3, outputs: 33, kernel: 5, stride: 2, padding: 2),
        ConvolutionCase(
            name: "pointwise", inputs: 40, outputs: 70, kernel: 1, padding: 0, height: 7),
        ConvolutionCase(
            name: "pointwise, one pixel", inputs: 65, outputs: 17, kernel: 1, padding: 0,
            height: 1, width: 1),
        ConvolutionCase(
            name: "pointwise stride 2", inputs: 20, outputs: 36, kernel: 1, stride: 2, padding: 0),
        ConvolutionCase(name: "narrow", inputs: 48, outputs: 3, algorithm: .direct),
        ConvolutionCase(
            name: "narrow, one pixel", inputs: 48, outputs: 2, kernel: 1, padding: 0, height: 1,
            width: 1),
        ConvolutionCase(
            name: "winograd 4x4", inputs: 20, outputs: 35, algorithm: .winograd4x4, height: 13),
        ConvolutionCase(
            name: "winograd 6x6", inputs: 33, outputs: 18, algorithm: .winograd6x6, width: 11),
        ConvolutionCase(
            name: "winograd dilated", inputs: 16, outputs: 70, padding: 2, dilation: 2,
            algorithm: .winograd4x4, height: 10),
    ]

    static let grouped: [ConvolutionCase] = [
        ConvolutionCase(name: "grouped", inputs: 24, outputs: 36, groups: 6),
        ConvolutionCase(name: "grouped stride 2", inputs: 32, outputs: 32, stride: 2, groups: 8),
        ConvolutionCase(name: "two groups", inputs: 36, outputs: 80, groups: 2),
        ConvolutionCase(name: "depthwise", inputs: 21, outputs: 21, groups: 21),
        ConvolutionCase(
            name: "depthwise 5x5, stride 2", inputs: 40, outputs: 40, kernel: 5, stride: 2,
            padding: 2, groups: 40),
        ConvolutionCase(
            name: "depthwise, one pixel", inputs: 19, outputs: 19, kernel: 1, padding: 0,
            groups: 19, height: 1, width: 1),
    ]

    static let all = dense + grouped
}
