/// Agglomerative clustering by Ward's criterion: the two clusters whose union grows the squared
/// distances to the centre least are joined first (Ward, 1963).
///
/// Found by chains of nearest neighbours (Murtagh, 1983) in O(n²) time and memory, in double
/// precision.
enum WardClustering {
    /// One union.
    private struct Merge {
        let first, second: Int
        let distance: Double
    }

    /// The two clusters of each union, the smaller number first; points are 0 ..< n, and union i
    /// makes the cluster n + i. Unions come in order of distance.
    static func unions(_ points: [[Double]]) -> [[Int]] {
        var merges = chainMerges(points)
        // A stable sort: equal distances keep the order of the chain.
        merges = merges.enumerated().sorted {
            ($0.element.distance, $0.offset) < ($1.element.distance, $1.offset)
        }.map(\.element)
        var parent = Array(0..<points.count + merges.count)
        func root(_ node: Int) -> Int {
            var node = node
            while parent[node] != node { node = parent[node] }
            return node
        }
        return merges.enumerated().map { index, merge in
            let pair = [root(merge.first), root(merge.second)].sorted()
            for cluster in pair { parent[cluster] = points.count + index }
            return pair
        }
    }

    private static func chainMerges(_ points: [[Double]]) -> [Merge] {
        let count = points.count
        var distances = distances(points)
        var sizes = [Int](repeating: 1, count: count)
        var merges: [Merge] = [], chain: [Int] = []
        while merges.count < count - 1 {
            if chain.isEmpty, let start = sizes.firstIndex(where: { $0 > 0 }) {
                chain.append(start)
            }
            let merge = nearestPair(&chain, distances, sizes, count)
            merges.append(merge)
            join(merge, &distances, &sizes, count)
        }
        return merges
    }

    private static func distances(_ points: [[Double]]) -> [Double] {
        let count = points.count
        var found = [Double](repeating: 0, count: count * count)
        for a in 0..<count {
            for b in a + 1..<max(count, a + 1) {
                var squares = 0.0
                for (x, y) in zip(points[a], points[b]) { squares += (x - y) * (x - y) }
                found[a * count + b] = squares.squareRoot()
                found[b * count + a] = found[a * count + b]
            }
        }
        return found
    }

    /// Follows nearest neighbours until two are each other's nearest.
    private static func nearestPair(
        _ chain: inout [Int], _ distances: [Double], _ sizes: [Int], _ count: Int
    ) -> Merge {
        while true {
            let last = chain[chain.count - 1]
            var next = chain.count > 1 ? chain[chain.count - 2] : -1
            var least = next >= 0 ? distances[last * count + next] : .infinity
            for other in 0..<count where sizes[other] > 0 && other != last {
                // Distances that are not finite still need a neighbour.
                if distances[last * count + other] < least || next < 0 {
                    least = distances[last * count + other]
                    next = other
                }
            }
            if chain.count > 1, next == chain[chain.count - 2] {
                chain.removeLast(2)
                return Merge(first: min(last, next), second: max(last, next), distance: least)
            }
            chain.append(next)
        }
    }

    /// The second cluster becomes the union.
    private static func join(
        _ merge: Merge, _ distances: inout [Double], _ sizes: inout [Int], _ count: Int
    ) {
        let (a, b) = (merge.first, merge.second)
        let (na, nb) = (Double(sizes[a]), Double(sizes[b]))
        sizes[b] += sizes[a]
        sizes[a] = 0
        for other in 0..<count where sizes[other] > 0 && other != b {
            let n = Double(sizes[other]), scale = 1 / (na + nb + n)
            let (da, db) = (distances[other * count + a], distances[other * count + b])
            let squares =
                (n + na) * scale * da * da + (n + nb) * scale * db * db
                - n * scale * merge.distance * merge.distance
            distances[other * count + b] = max(squares, 0).squareRoot()
            distances[b * count + other] = distances[other * count + b]
        }
    }
}
