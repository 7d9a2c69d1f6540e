internal import CLinuxShims

/// Cuts a segment into blocks: small ones in powers of two, large ones (registered memory) in whole pages.
struct SegmentHeap: ~Copyable {
  private struct Extent {
    var offset: Int
    var byteCount: Int
  }

  private static let page = 4096
  private static let smallMax = 1 << 20

  private var next: Int
  private let end: Int
  /// Free small blocks, by the exponent of their size.
  private var small: [[Int]]
  private var large: [Extent] = []

  init(from start: Int, to end: Int) {
    next = start
    self.end = end
    small = Array(repeating: [], count: 21)
  }

  private static func exponent(_ byteCount: Int) -> Int {
    var exponent = 6
    while 1 << exponent < byteCount { exponent += 1 }
    return exponent
  }

  /// A block; nil when the segment is full. Its bytes are as the last owner left them.
  mutating func allocate(_ byteCount: Int) -> Int? {
    if byteCount > Self.smallMax { return allocateLarge(byteCount) }
    let exponent = Self.exponent(byteCount)
    if let block = small[exponent].popLast() { return block }
    return bump(1 << exponent, alignment: min(1 << exponent, Self.page))
  }

  mutating func free(_ offset: Int, _ byteCount: Int) {
    if byteCount > Self.smallMax {
      large.append(Extent(offset: offset, byteCount: Self.pages(byteCount)))
    } else {
      small[Self.exponent(byteCount)].append(offset)
    }
  }

  private static func pages(_ byteCount: Int) -> Int { (byteCount + page - 1) & ~(page - 1) }

  private mutating func allocateLarge(_ byteCount: Int) -> Int? {
    let needed = Self.pages(byteCount)
    for index in large.indices where large[index].byteCount >= needed {
      let offset = large[index].offset
      large[index].offset += needed
      large[index].byteCount -= needed
      if large[index].byteCount == 0 { large.remove(at: index) }
      return offset
    }
    return bump(needed, alignment: Self.page)
  }

  private mutating func bump(_ byteCount: Int, alignment: Int) -> Int? {
    let start = (next + alignment - 1) & ~(alignment - 1)
    guard start <= end, byteCount <= end - start else { return nil }
    next = start + byteCount
    return start
  }
}
