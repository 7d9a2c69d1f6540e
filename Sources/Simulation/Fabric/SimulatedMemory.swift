package import RDMATransport

/// The registered memory of one simulated device.
///
/// The one file of this room that touches memory by address: a caller names bytes as the wire does, by key, address
/// and length, and gets nothing but what a device would give.
@safe
package struct SimulatedMemory: ~Copyable {
  @safe
  private struct Region {
    let pointer: UnsafeMutableRawPointer
    let byteCount: Int
    let access: MemoryAccess
  }

  /// By local key. A remote key is its local key with the top bit set.
  private var regions: [UInt32: Region] = [:]
  private var nextKey: UInt32

  /// - Parameter firstKey: of the first region; keys differ from device to device, so that mixed-up keys fail.
  package init(firstKey: UInt32) { nextKey = firstKey & 0x7FFF_FFFF }

  deinit {
    // SAFETY: `release` takes a region out of the table when it frees it, so each is freed once.
    for region in regions.values { unsafe region.pointer.deallocate() }
  }

  package static func remoteKey(of localKey: UInt32) -> UInt32 { localKey | 1 << 31 }

  package mutating func allocate(byteCount: Int, access: MemoryAccess) -> MemoryRegion {
    let size = max(4096, (byteCount + 4095) & ~4095)
    // SAFETY: freed by `release` or `deinit`, and zeroed before anybody reads it.
    let pointer = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 4096)
    unsafe pointer.initializeMemory(as: UInt64.self, repeating: 0, count: 512)
    // Doubling the zeroed part: a loop over words takes most of a run's time in debug builds.
    var zeroed = 4096
    while zeroed < size {
      let count = min(zeroed, size - zeroed)
      unsafe (pointer + zeroed).copyMemory(from: pointer, byteCount: count)
      zeroed += count
    }
    let key = nextKey
    nextKey &+= 0x101
    regions[key] = unsafe Region(pointer: pointer, byteCount: size, access: access)
    let isRemote = access.contains(.remoteRead) || access.contains(.remoteWrite)
    return MemoryRegion(
      address: UInt64(UInt(bitPattern: pointer)), byteCount: size, localKey: key,
      remoteKey: isRemote ? Self.remoteKey(of: key) : 0)
  }

  package mutating func release(_ region: MemoryRegion) {
    guard let old = regions.removeValue(forKey: region.localKey) else { return }
    // SAFETY: it is out of the table, so nothing here reaches it any more.
    unsafe old.pointer.deallocate()
  }

  package var regionCount: Int { regions.count }

  /// The first byte, when the range lies inside the region of the key and the region allows the access.
  private func start(
    key: UInt32, address: UInt64, byteCount: Int, needs: MemoryAccess
  ) -> UnsafeMutableRawPointer? {
    guard let region = regions[key], region.access.isSuperset(of: needs) else {
      return nil
    }
    let base = unsafe UInt64(UInt(bitPattern: region.pointer))
    guard address >= base, byteCount >= 0 else { return nil }
    let offset = address - base
    let size = UInt64(region.byteCount)
    guard offset <= size, UInt64(byteCount) <= size - offset else { return nil }
    return unsafe region.pointer + Int(offset)
  }

  package func allows(_ segment: Segment, needs: MemoryAccess) -> Bool {
    guard segment.length > 0 else { return true }
    return unsafe start(
      key: segment.localKey, address: segment.address, byteCount: Int(segment.length),
      needs: needs) != nil
  }

  /// Whether a peer may do this with its key.
  package func allowsRemote(
    key: UInt32, address: UInt64, byteCount: Int, needs: MemoryAccess
  ) -> Bool {
    guard byteCount > 0 else { return true }
    guard key >> 31 == 1 else { return false }
    return unsafe start(
      key: key & 0x7FFF_FFFF, address: address, byteCount: byteCount, needs: needs) != nil
  }

  /// The bytes of some segments, one after the other; nil when a key or a bound is wrong.
  package func gather(_ segments: [Segment]) -> [UInt8]? {
    var bytes: [UInt8] = []
    for segment in segments where segment.length > 0 {
      guard
        let start = unsafe start(
          key: segment.localKey, address: segment.address, byteCount: Int(segment.length),
          needs: [])
      else { return nil }
      // SAFETY: `start` checked that so many bytes lie in a live region.
      unsafe bytes.append(
        contentsOf: UnsafeRawBufferPointer(start: start, count: Int(segment.length)))
    }
    return bytes
  }

  /// Writes bytes at an address of a region; false when a key, a right or a bound is wrong.
  package func scatter(
    _ bytes: [UInt8], key: UInt32, address: UInt64, needs: MemoryAccess
  ) -> Bool {
    guard !bytes.isEmpty else { return true }
    guard
      let start = unsafe start(
        key: key & 0x7FFF_FFFF, address: address, byteCount: bytes.count, needs: needs)
    else { return false }
    // SAFETY: `start` checked that so many bytes lie in a live region; an array is other memory.
    unsafe bytes.withUnsafeBytes { source in
      if let base = source.baseAddress {
        unsafe start.copyMemory(from: base, byteCount: source.count)
      }
    }
    return true
  }
}
