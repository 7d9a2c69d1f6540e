// Property: an RDMA WRITE or READ reaches exactly the memory that its key, bounds and rights allow, or nothing.
// Method: good and bad accesses between two nodes; bytes around the target and both completions are checked.
import EmulatedTransport
import RDMATransport
import Testing

private let open: MemoryAccess = [.localWrite, .remoteWrite, .remoteRead]

extension Pair {
  @discardableResult
  func write(
    _ id: UInt64, to offset: Int, length: UInt32 = 8, key: UInt32? = nil,
    operation: Operation = .rdmaWrite
  ) -> PostResult {
    a.send(
      SendRequest(
        queuePair: qa, operation: operation, id: id, segment: a.piece(0, length: length),
        remoteAddress: b.memory.address &+ UInt64(bitPattern: Int64(offset)),
        remoteKey: key ?? b.memory.remoteKey))
  }
}

@Suite struct RemoteMemoryTests {
  @Test func aWriteIsThereBeforeTheMessageAfterIt() throws {
    let pair = try Pair(fabric: uniqueFabric(), access: open)
    pair.a.fill(0, [UInt8](1...200))
    let write = SendRequest(
      queuePair: pair.qa, operation: .rdmaWrite, isSignaled: false, id: 1,
      segment: pair.a.piece(0, length: 100),
      second: Segment(
        address: pair.a.memory.address + 100, length: 100, localKey: pair.a.memory.localKey),
      remoteAddress: pair.b.memory.address + 4096 * 2 + 1, remoteKey: pair.b.memory.remoteKey)
    let send = SendRequest(
      queuePair: pair.qa, operation: .send, id: 2, segment: pair.a.piece(0, length: 1))
    #expect(pair.a.transport.post(sends: [write, send].span) == .posted)
    settle(pair.a, pair.b) { !pair.b.completions.isEmpty }
    #expect(pair.b.bytes(2, 202) == [0] + [UInt8](1...200) + [0])
    #expect(pair.b.completions.count == 1)
    settle(pair.a, pair.b) { !pair.a.completions.isEmpty }
    #expect(pair.a.completions.map(\.id) == [2])
  }

  @Test func aReadNeedsDepthOnBothSides() throws {
    let attributes = QueuePairAttributes(
      sendCapacity: 8, receiveCapacity: 8, responderResources: 1, initiatorDepth: 1)
    let pair = try Pair(fabric: uniqueFabric(), access: open, attributes: attributes)
    pair.b.fill(3, [9, 8, 7])
    pair.write(1, to: 3 * 4096, length: 3, operation: .rdmaRead)
    settle(pair.a, pair.b) { !pair.a.completions.isEmpty }
    #expect(pair.a.completions.map(\.status) == [.success])
    #expect(pair.a.bytes(0, 4) == [9, 8, 7, 0])
    let other = try Pair(fabric: uniqueFabric(), access: open)
    #expect(
      other.write(1, to: 0, operation: .rdmaRead)
        == .stopped(accepted: 0, queueFull: false, errno: 22))
  }

  enum Bad: CaseIterable {
    case forgedKey, noKey, localKeyOfMessages, beforeTheRegion, beyondTheRegion, acrossTheEnd
    case releasedRegion
  }

  @Test(arguments: Bad.allCases)
  func aBadWriteTouchesNothingAndEndsBothQueuePairs(bad: Bad) throws {
    let pair = try Pair(fabric: uniqueFabric(), access: open)
    pair.a.fill(0, [UInt8](repeating: 0xEE, count: 64))
    let messages = try pair.b.transport.allocate(byteCount: 4096, access: .localWrite)
    #expect(messages.remoteKey == 0)
    switch bad {
    case .forgedKey: pair.write(1, to: 0, key: pair.b.memory.remoteKey ^ 0x8000)
    case .noKey: pair.write(1, to: 0, key: 0)
    case .localKeyOfMessages:
      pair.write(1, to: Int(messages.address - pair.b.memory.address), key: messages.localKey)
    case .beforeTheRegion: pair.write(1, to: -4)
    case .beyondTheRegion: pair.write(1, to: pair.b.memory.byteCount)
    case .acrossTheEnd: pair.write(1, to: pair.b.memory.byteCount - 7)
    case .releasedRegion:
      let region = try pair.b.transport.allocate(byteCount: 1 << 21, access: .remoteWrite)
      pair.b.transport.release(region)
      pair.write(1, to: Int(region.address - pair.b.memory.address), key: region.remoteKey)
    }
    settle(pair.a, pair.b) { pair.a.completions.count == 5 && pair.b.completions.count == 4 }
    #expect(pair.a.completions[0].status == .remoteAccessError)
    #expect(pair.a.completions[1...].allSatisfy { $0.status == .flushed })
    #expect(pair.b.completions.map(\.status) == [.flushed, .flushed, .flushed, .flushed])
    #expect(pair.b.bytes(0, 64 * 4096).allSatisfy { $0 == 0 })
  }

  @Test func rightsAreTheOwners() throws {
    let attributes = QueuePairAttributes(
      sendCapacity: 8, receiveCapacity: 8, responderResources: 1, initiatorDepth: 1)
    let writeOnly = try Pair(
      fabric: uniqueFabric(), access: [.localWrite, .remoteWrite], attributes: attributes)
    writeOnly.write(1, to: 0)
    writeOnly.write(2, to: 0, operation: .rdmaRead)
    settle(writeOnly.a, writeOnly.b) { writeOnly.a.completions.count == 6 }
    #expect(writeOnly.a.completions[0].status == .success)
    #expect(writeOnly.a.completions[1].status == .remoteAccessError)
  }

  @Test func releasedMemoryIsGivenOutAgainAndIsZero() throws {
    let node = try Endpoint(uniqueFabric(), 1)
    var addresses: Set<UInt64> = []
    var keys: Set<UInt32> = []
    for _ in 0..<200 {
      let region = try node.transport.allocate(byteCount: 8 << 20, access: .remoteWrite)
      addresses.insert(region.address)
      #expect(keys.insert(region.localKey).inserted)
      let start = UnsafeMutablePointer<UInt8>(bitPattern: UInt(region.address))!
      #expect(start[0] == 0 && start[region.byteCount - 1] == 0)
      start[0] = 1
      start[region.byteCount - 1] = 1
      node.transport.release(region)
    }
    #expect(addresses.count == 1)
    #expect(throws: TransportError.self) {
      _ = try node.transport.allocate(byteCount: 1 << 40, access: .localWrite)
    }
  }
}
