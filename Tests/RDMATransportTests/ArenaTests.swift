// Property: no two live pieces overlap, none is lost, and a stale reference traps instead of reaching bytes.
// Method: seeded random allocation against a list of owners that stamp their bytes; traps by exit tests.
import RDMATransport
import Structures
import Testing

/// Memory of the test, standing for a registered region.
func testRegion(byteCount: Int) -> MemoryRegion {
  let memory = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 4096)
  memory.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
  return MemoryRegion(
    address: UInt64(UInt(bitPattern: memory)), byteCount: byteCount, localKey: 7, remoteKey: 0)
}

func releaseTestRegion(_ region: MemoryRegion) {
  UnsafeMutableRawPointer(bitPattern: UInt(region.address))?.deallocate()
}

private func stamp(_ arena: inout Arena, _ ref: BufferRef, _ value: UInt8) {
  var bytes = arena.mutableBytes(ref)
  for offset in 0..<bytes.byteCount {
    bytes.storeBytes(of: value, toByteOffset: offset, as: UInt8.self)
  }
}

private func carries(_ arena: borrowing Arena, _ ref: BufferRef, _ value: UInt8) -> Bool {
  let bytes = arena.bytes(ref)
  for offset in 0..<bytes.byteCount
  where unsafe bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self) != value { return false }
  return true
}

@Suite struct ArenaTests {
  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func runsNeverOverlapAndAreFoundAgain(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let pieces = Int(2 + random.next() % 60)
    let memory = testRegion(byteCount: pieces * 64)
    defer { releaseTestRegion(memory) }
    var arena = Arena(region: memory, pieceByteCount: 64, isBulk: true)
    var live: [(ref: BufferRef, pieces: Int, value: UInt8)] = []
    for step in 0..<1500 {
      if random.next() % 2 == 0 {
        let byteCount = Int(1 + random.next() % UInt64(64 * max(2, pieces / 3)))
        let needed = (byteCount + 63) / 64
        let ref = arena.allocateRun(byteCount: byteCount)
        var taken = [Bool](repeating: false, count: pieces)
        for run in live {
          let first = Int(run.ref.slot & 0x7FFF_FFFF)
          for index in first..<first + run.pieces { taken[index] = true }
        }
        let longest = taken.split(separator: true).map(\.count).max() ?? 0
        // It finds a run exactly when there is one: free neighbours are joined.
        #expect((ref != nil) == (needed <= longest))
        guard let ref else { continue }
        #expect(ref.isBulk && Int(ref.length) == byteCount && arena.state(of: ref) == .held)
        let value = UInt8(truncatingIfNeeded: step)
        stamp(&arena, ref, value)
        live.append((ref, needed, value))
      } else if !live.isEmpty {
        let run = live.remove(at: Int(random.next() % UInt64(live.count)))
        #expect(carries(arena, run.ref, run.value) == true)
        // A part names the whole run.
        let part = run.ref.part(offset: Int(run.ref.length) - 1, length: 1)
        arena.release(part)
        #expect(arena.isLive(run.ref) == false)
      }
      for run in live {
        #expect(arena.isLive(run.ref) == true && carries(arena, run.ref, run.value) == true)
      }
      #expect(arena.freePieceCount == pieces - live.reduce(0) { $0 + $1.pieces })
    }
    for run in live { arena.release(run.ref) }
    #expect(arena.allocateRun(byteCount: pieces * 64) != nil)
  }

  @Test(arguments: 1...10 as ClosedRange<UInt64>)
  func singlePiecesNeverOverlap(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let pieces = Int(1 + random.next() % 16)
    let memory = testRegion(byteCount: pieces * 128)
    defer { releaseTestRegion(memory) }
    var arena = Arena(region: memory, pieceByteCount: 128, isBulk: false)
    var live: [(ref: BufferRef, value: UInt8)] = []
    for step in 0..<1500 {
      if random.next() % 2 == 0 {
        let ref = arena.allocatePiece()
        #expect((ref == nil) == (live.count == pieces))
        guard let ref else { continue }
        #expect(arena.state(of: ref) == .filling && ref.length == 128 && !ref.isBulk)
        stamp(&arena, ref, UInt8(truncatingIfNeeded: step))
        arena.move(ref, from: .filling, to: .posted)
        live.append((ref, UInt8(truncatingIfNeeded: step)))
      } else if !live.isEmpty {
        let piece = live.remove(at: Int(random.next() % UInt64(live.count)))
        arena.release(piece.ref)
        #expect(arena.isLive(piece.ref) == false)
      }
      for piece in live { #expect(carries(arena, piece.ref, piece.value) == true) }
      #expect(arena.freePieceCount == pieces - live.count)
    }
  }

  @Test func addressesAndSegmentsNameTheBytes() {
    let memory = testRegion(byteCount: 4 * 4096)
    defer { releaseTestRegion(memory) }
    var arena = Arena(region: memory, pieceByteCount: 4096, isBulk: false)
    _ = arena.allocatePiece()
    let ref = arena.allocatePiece()!.part(offset: 100, length: 50)
    #expect(arena.address(ref) == memory.address + 4096 + 100)
    #expect(
      arena.segment(ref) == Segment(address: memory.address + 4196, length: 50, localKey: 7))
  }
}

@Suite struct ArenaTrapTests {
  @Test func aStaleReferenceTraps() async {
    await #expect(processExitsWith: .failure) {
      var arena = Arena(region: testRegion(byteCount: 8192), pieceByteCount: 4096, isBulk: false)
      let ref = arena.allocatePiece()!
      arena.release(ref)
      _ = arena.bytes(ref)
    }
    await #expect(processExitsWith: .failure) {
      var arena = Arena(region: testRegion(byteCount: 8192), pieceByteCount: 4096, isBulk: true)
      let ref = arena.allocateRun(byteCount: 1)!
      arena.release(ref)
      _ = arena.allocateRun(byteCount: 8192)
      _ = arena.address(ref)
    }
  }

  @Test func aPieceReleasedTwiceTraps() async {
    await #expect(processExitsWith: .failure) {
      var arena = Arena(region: testRegion(byteCount: 8192), pieceByteCount: 4096, isBulk: false)
      let ref = arena.allocatePiece()!
      arena.release(ref)
      arena.release(ref)
    }
  }

  @Test func aPieceMovedByWhoDoesNotHoldItTraps() async {
    await #expect(processExitsWith: .failure) {
      var arena = Arena(region: testRegion(byteCount: 8192), pieceByteCount: 4096, isBulk: false)
      let ref = arena.allocatePiece()!
      arena.move(ref, from: .posted, to: .held)
    }
  }

  @Test func aReferenceBeyondItsRunTraps() async {
    await #expect(processExitsWith: .failure) {
      var arena = Arena(region: testRegion(byteCount: 8192), pieceByteCount: 4096, isBulk: true)
      var ref = arena.allocateRun(byteCount: 100)!
      ref.offset = 4000
      _ = arena.bytes(ref)
    }
  }

  @Test func aReferenceOfTheOtherArenaTraps() async {
    await #expect(processExitsWith: .failure) {
      var arena = Arena(region: testRegion(byteCount: 8192), pieceByteCount: 4096, isBulk: false)
      var ref = arena.allocatePiece()!
      ref.slot |= 1 << 31
      _ = arena.bytes(ref)
    }
  }
}
