internal import LustreWire

/// The bytes of objects, in memory, hole by hole and chunk by chunk.
struct MemoryObjects: Sendable {
  static let chunkByteCount = 64 << 10

  /// Bytes that the chunks may take.
  let capacity: UInt64
  private(set) var used: UInt64 = 0
  /// A chunk without bytes is a hole.
  private var chunks: [[[UInt8]]] = []
  private var index: [StoredObjectID: Int] = [:]
  private var free: [Int] = []
  /// Whose chunks each place has; nil for a free one.
  private var owners: [StoredObjectID?] = []

  init(capacity: UInt64) { self.capacity = capacity }

  /// False, and nothing written, when there is no room.
  mutating func write(_ id: StoredObjectID, at offset: UInt64, from source: borrowing RawSpan)
    -> Bool
  {
    let at = place(of: id)
    let size = UInt64(Self.chunkByteCount)
    let first = offset / size
    let last = (offset + UInt64(source.byteCount) - 1) / size
    // The index of chunks takes memory for holes too.
    guard last < capacity / 512, makeRoom(at, Int(first)...Int(last)) else { return false }
    var done = 0
    for chunk in Int(first)...Int(last) {
      let start = chunk == Int(first) ? Int(offset % size) : 0
      let count = min(source.byteCount - done, Self.chunkByteCount - start)
      let part = source.extracting(done..<done + count)
      chunks[at][chunk].withMutableRawSpan { $0.copy(from: part, at: start) }
      done += count
    }
    return true
  }

  private mutating func makeRoom(_ at: Int, _ range: ClosedRange<Int>) -> Bool {
    let there = min(range.upperBound + 1, chunks[at].count)
    var holes = range.upperBound + 1 - max(there, range.lowerBound)
    for chunk in range.lowerBound..<max(there, range.lowerBound) where chunks[at][chunk].isEmpty {
      holes += 1
    }
    let needed = UInt64(holes * Self.chunkByteCount)
    guard needed <= capacity - used else { return false }
    used += needed
    while chunks[at].count <= range.upperBound { chunks[at].append([]) }
    for chunk in range where chunks[at][chunk].isEmpty {
      chunks[at][chunk] = [UInt8](repeating: 0, count: Self.chunkByteCount)
    }
    return true
  }

  /// Fills the bytes; what was never written is 0.
  func read(_ id: StoredObjectID, at offset: UInt64, into bytes: inout MutableRawSpan) {
    let total = bytes.byteCount
    guard let at = index[id] else {
      bytes.zero(at: 0, count: total)
      return
    }
    var done = 0
    while done < total {
      let position = offset + UInt64(done)
      let chunk = Int(position / UInt64(Self.chunkByteCount))
      let start = Int(position % UInt64(Self.chunkByteCount))
      let count = min(total - done, Self.chunkByteCount - start)
      if chunk < chunks[at].count, !chunks[at][chunk].isEmpty {
        let found = chunks[at][chunk]
        bytes.copy(from: found.rawBytes.extracting(start..<start + count), at: done)
      } else {
        bytes.zero(at: done, count: count)
      }
      done += count
    }
  }

  /// Makes bytes 0, and holes of whole chunks.
  mutating func clear(_ id: StoredObjectID, at offset: UInt64, count: UInt64) {
    guard let at = index[id], count > 0 else { return }
    let size = UInt64(Self.chunkByteCount)
    let end = offset + count
    var position = offset
    while position < end, position / size < UInt64(chunks[at].count) {
      let chunk = Int(position / size)
      let start = Int(position % size)
      let part = Int(min(end - position, size - UInt64(start)))
      position += UInt64(part)
      guard !chunks[at][chunk].isEmpty else { continue }
      if part == Self.chunkByteCount {
        chunks[at][chunk] = []
        used -= size
      } else {
        chunks[at][chunk].withMutableRawSpan { $0.zero(at: start, count: part) }
      }
    }
  }

  /// Forgets what lies behind a size.
  mutating func cut(_ id: StoredObjectID, to size: UInt64) {
    guard let at = index[id] else { return }
    let whole = (size + UInt64(Self.chunkByteCount) - 1) / UInt64(Self.chunkByteCount)
    while UInt64(chunks[at].count) > whole {
      if chunks[at].removeLast().isEmpty { continue }
      used -= UInt64(Self.chunkByteCount)
    }
    let rest = Int(size % UInt64(Self.chunkByteCount))
    let last = chunks[at].count - 1
    guard UInt64(chunks[at].count) == whole, rest > 0, !chunks[at][last].isEmpty else { return }
    chunks[at][last].withMutableRawSpan { $0.zero(at: rest, count: $0.byteCount - rest) }
  }

  mutating func remove(_ id: StoredObjectID) {
    cut(id, to: 0)
    guard let at = index.removeValue(forKey: id) else { return }
    chunks[at] = []
    owners[at] = nil
    free.append(at)
  }

  /// Forgets all bytes that no object has: of transactions that a crash cut off.
  mutating func trim(to image: TargetImage) {
    for at in owners.indices {
      guard let id = owners[at] else { continue }
      if let object = image.object(id) { cut(id, to: object.size) } else { remove(id) }
    }
  }

  private mutating func place(of id: StoredObjectID) -> Int {
    if let at = index[id] { return at }
    let at: Int
    if let old = free.popLast() {
      at = old
    } else {
      at = chunks.count
      chunks.append([])
      owners.append(nil)
    }
    owners[at] = id
    index[id] = at
    return at
  }
}
