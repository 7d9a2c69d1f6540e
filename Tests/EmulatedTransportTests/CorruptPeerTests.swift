// Property: whatever a process that shares the fabric writes into memory or says on a socket, a node goes on.
// Method: a raw peer talks nonsense on the node's socket; a node's shared memory is overwritten with random bytes.
import CLinuxShims
import EmulatedTransport
import Glibc
import RDMATransport
import Structures
import Testing

@Suite struct CorruptPeerTests {
  /// The mapping of a transport's segment in this process, found by a region of it: 64 KiB from the queue pairs on.
  private func overwrite(_ node: Endpoint, from offset: Int, count: Int, seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    // The first region lies behind keys, queue pairs and rings; the segment begins at a multiple of a page before it.
    let heap = 0x10000 + 128 * 16384
    let base = UInt(node.memory.address) - UInt(heap)
    for index in 0..<count {
      let place = UnsafeMutablePointer<UInt8>(bitPattern: base + UInt(offset + index))
      if random.next() % 4 == 0 { place?.pointee = UInt8(truncatingIfNeeded: random.next()) }
    }
  }

  enum Part: CaseIterable { case header, keys, queuePairs, heap }

  @Test(arguments: Part.allCases, 1...10 as ClosedRange<UInt64>)
  func nonsenseInSharedMemoryDoesNotTrap(part: Part, seed: UInt64) throws {
    let pair = try Pair(fabric: uniqueFabric(), access: [.localWrite, .remoteWrite])
    for round in 0..<4 as Range<UInt64> {
      for node in [pair.a, pair.b] {
        switch part {
        case .header: overwrite(node, from: 64, count: 4032, seed: seed + round)
        case .keys: overwrite(node, from: 0x1000, count: 4096, seed: seed + round)
        case .queuePairs: overwrite(node, from: 0x10000, count: 1024, seed: seed + round)
        case .heap:
          // Behind the first region: the link's rings and the receive ring.
          overwrite(
            node, from: 0x10000 + 128 * 16384 + node.memory.byteCount, count: 16384,
            seed: seed + round)
        }
      }
      for id in 0..<3 as Range<UInt64> {
        pair.a.send(pair.qa, 0, id: id)
        pair.b.send(pair.qb, 0, id: id)
        pair.write(id, to: 0)
      }
      pair.a.execute(.disconnect(owner: 1))
      for _ in 0..<20 {
        pair.a.turn()
        pair.b.turn()
      }
    }
  }

  @Test func nonsenseOnTheSocketEndsItsLinkOnly() throws {
    let pair = try Pair(fabric: uniqueFabric())
    let address = pair.b.address
    var sockets: [Int32] = []
    let path = socketPath(of: pair.b)
    for length in [1, 8, 48, 52, 56, 200] {
      let socket = clinux_fabric_connect(path)
      #expect(socket >= 0)
      let bytes = [UInt8](repeating: 0x5A, count: length)
      // With descriptors that are no memory, too.
      #expect(clinux_fabric_send(socket, bytes, length, socket, length == 48 ? socket : -1) > 0)
      sockets.append(socket)
    }
    for _ in 0..<300 {
      pair.a.turn()
      pair.b.turn()
    }
    #expect(pair.b.transport.counters.peerViolationCount == sockets.count)
    for socket in sockets { close(socket) }
    pair.a.send(pair.qa, 0, id: 1)
    settle(pair.a, pair.b) { pair.b.completions.count == 1 }
    #expect(pair.b.completions.count == 1 && address == pair.b.address)
  }

  private func socketPath(of node: Endpoint) -> String {
    let text = "10.0.0.\(node.address & 255)"
    return node.transport.directoryPath + "/" + text
  }
}
