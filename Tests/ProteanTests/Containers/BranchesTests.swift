import Testing

@testable import Protean

@Suite struct BranchesTests {
    @Test func concatenatesAlongChannelsInOrder() throws {
        let x = try Tensor.random([2, 3, 4, 2])
        let wide = try Conv2d(inputChannels: 2, outputChannels: 5, kernelSize: 1)
        let y = try Branches(.concatenation) {
            wide
            Identity()
        }(x)
        #expect(y.shape == [2, 3, 4, 7])
        let left = try wide(x).elements, right = x.elements, all = y.elements
        for pixel in 0..<24 {
            #expect(Array(all[pixel * 7..<pixel * 7 + 5]) == Array(left[pixel * 5..<pixel * 5 + 5]))
            #expect(
                Array(all[pixel * 7 + 5..<pixel * 7 + 7]) == Array(right[pixel * 2..<pixel * 2 + 2])
            )
        }
    }

    @Test func sumsResults() throws {
        let x = try Tensor.random([1, 3, 4, 2])
        let y = try Branches(.sum) {
            Identity()
            Identity()
        }(x)
        #expect(y.elements == x.elements.map { $0 + $0 })
    }

    @Test func noBranchesAreRefused() {
        #expect(throws: ProteanError.self) { try Branches(.sum, named: []) }
    }
}
