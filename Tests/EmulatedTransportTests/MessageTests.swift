// Property: sends, writes and reads between two nodes of a process do what a device's would, and errors too.
// Method: two transports driven in turn; each case checks bytes, completions and states on both sides.
import EmulatedTransport
import RDMATransport
import Testing

@Suite struct MessageTests {
  @Test func aMessageLandsInTheReceiveThatWasPostedFirst() throws {
    let pair = try Pair(fabric: uniqueFabric())
    pair.a.fill(0, [1, 2, 3, 4])
    pair.a.fill(1, [5, 6])
    let request = SendRequest(
      queuePair: pair.qa, operation: .send, id: 7, segment: pair.a.piece(0, length: 4),
      second: pair.a.piece(1, length: 2))
    #expect(pair.a.send(request) == .posted)
    settle(pair.a, pair.b) { !pair.a.completions.isEmpty && !pair.b.completions.isEmpty }
    #expect(
      pair.a.completions == [
        WorkCompletion(
          id: 7, queuePair: pair.qa, byteCount: 0, status: .success, operation: .send)
      ])
    #expect(
      pair.b.completions == [
        WorkCompletion(
          id: 100, queuePair: pair.qb, byteCount: 6, status: .success, operation: .receive)
      ])
    #expect(pair.b.bytes(16, 7) == [1, 2, 3, 4, 5, 6, 0])
  }

  @Test func manyMessagesArriveInOrderAndUnsignaledOnesSayNothing() throws {
    let pair = try Pair(fabric: uniqueFabric())
    var received: [UInt8] = []
    for number in 0..<5000 {
      pair.a.fill(0, [UInt8(truncatingIfNeeded: number)])
      let isSignaled = number % 8 == 7
      let request = SendRequest(
        queuePair: pair.qa, operation: .send, isSignaled: isSignaled, id: UInt64(number),
        segment: pair.a.piece(0, length: 1))
      #expect(pair.a.send(request) == .posted)
      settle(pair.a, pair.b) { !pair.b.completions.isEmpty }
      let completion = pair.b.completions.removeFirst()
      let index = Int(completion.id) - 100 + 16
      received.append(pair.b.bytes(index, 1)[0])
      pair.b.receive(pair.qb, index, id: completion.id)
      if isSignaled {
        settle(pair.a, pair.b) { !pair.a.completions.isEmpty }
        #expect(pair.a.completions.removeFirst().id == UInt64(number))
      }
    }
    #expect(received == (0..<5000).map { UInt8(truncatingIfNeeded: $0) })
    #expect(pair.a.completions.isEmpty)
  }

  @Test func withoutAReceiveASendWaitsAndItsSuccessorsToo() throws {
    let pair = try Pair(
      fabric: uniqueFabric(), receives: 0,
      parameters: ConnectionParameters(
        receiverNotReadyRetryCount: 7, privateData: PrivateData()))
    for id in 0..<3 as Range<UInt64> {
      pair.a.fill(Int(id), [UInt8(id)])
      pair.a.send(pair.qa, Int(id), id: id, length: 1)
    }
    for _ in 0..<100 { pair.a.turn(); pair.b.turn() }
    #expect(pair.a.completions.isEmpty && pair.b.completions.isEmpty)
    #expect(pair.a.transport.nextDeadline() != nil)
    for id in 0..<3 as Range<UInt64> { pair.b.receive(pair.qb, 20 + Int(id), id: 50 + id) }
    settle(pair.a, pair.b) { pair.a.completions.count == 3 && pair.b.completions.count == 3 }
    #expect(pair.a.completions.map(\.id) == [0, 1, 2])
    #expect(pair.b.completions.map(\.id) == [50, 51, 52])
    #expect((0..<3).map { pair.b.bytes(20 + $0, 1)[0] } == [0, 1, 2])
    #expect(pair.a.transport.nextDeadline() == nil)
  }

  @Test func receiverNotReadyRetriesEnd() throws {
    let pair = try Pair(
      fabric: uniqueFabric(), receives: 0,
      parameters: ConnectionParameters(
        receiverNotReadyRetryCount: 1, privateData: PrivateData()))
    pair.a.receive(pair.qa, 20, id: 60)
    pair.a.send(pair.qa, 0, id: 1)
    pair.a.send(pair.qa, 0, id: 2)
    settle(pair.a, pair.b) { pair.a.completions.count == 3 }
    #expect(pair.a.completions.map(\.id) == [1, 2, 60])
    #expect(
      pair.a.completions.map(\.status) == [.receiverNotReadyRetryExceeded, .flushed, .flushed])
  }

  @Test func aFullSendQueueIsSaidAndEmptiesAsCompletionsArePolled() throws {
    let pair = try Pair(fabric: uniqueFabric(), receives: 8)
    let requests = (0..<10 as Range<UInt64>).map {
      SendRequest(
        queuePair: pair.qa, operation: .send, id: $0, segment: pair.a.piece(0, length: 1))
    }
    let result = pair.a.transport.post(sends: requests.span)
    guard case .stopped(let accepted, let isFull, _) = result else {
      Issue.record("ten sends were posted on a queue of eight")
      return
    }
    #expect(accepted == 8 && isFull)
    settle(pair.a, pair.b) { pair.a.completions.count == 8 }
    #expect(pair.a.send(requests[8]) == .posted)
  }

  @Test func aMessageLongerThanTheReceiveEndsBothQueuePairs() throws {
    let pair = try Pair(fabric: uniqueFabric(), receives: 0)
    pair.b.receive(pair.qb, 20, id: 50, length: 10)
    pair.b.receive(pair.qb, 21, id: 51)
    pair.a.receive(pair.qa, 21, id: 61)
    pair.a.send(pair.qa, 0, id: 1, length: 11)
    settle(pair.a, pair.b) { pair.a.completions.count == 2 && pair.b.completions.count == 2 }
    #expect(pair.a.completions.map(\.id) == [1, 61])
    #expect(pair.a.completions.map(\.status) == [.remoteInvalidRequest, .flushed])
    #expect(pair.b.completions.map(\.id) == [50, 51])
    #expect(pair.b.completions.map(\.status) == [.localLengthError, .flushed])
  }

  @Test func aSendFromMemoryThatIsNotRegisteredFails() throws {
    let pair = try Pair(fabric: uniqueFabric())
    var segment = pair.a.piece(63)
    segment.length = 4097
    pair.a.send(SendRequest(queuePair: pair.qa, operation: .send, id: 1, segment: segment))
    settle(pair.a, pair.b) { pair.a.completions.count == 5 }
    #expect(pair.a.completions[0].status == .localProtectionError)
    #expect(pair.a.completions[1...].allSatisfy { $0.status == .flushed })
  }

  @Test func aReceiveIntoMemoryThatIsNotRegisteredFailsWhenAMessageComes() throws {
    let pair = try Pair(fabric: uniqueFabric(), receives: 0)
    var segment = pair.b.piece(0)
    segment.localKey ^= 0x400
    let request = ReceiveRequest(queuePair: pair.qb, segment: segment, id: 5)
    #expect(pair.b.transport.post(receives: [request].span) == .posted)
    pair.a.send(pair.qa, 0, id: 1)
    settle(pair.a, pair.b) { !pair.a.completions.isEmpty && !pair.b.completions.isEmpty }
    #expect(pair.a.completions.map(\.status) == [.remoteOperationError])
    #expect(pair.b.completions.map(\.status) == [.localProtectionError])
  }

  @Test func postsOnAQueuePairThatIsGoneAreRefused() throws {
    let pair = try Pair(fabric: uniqueFabric())
    pair.a.execute(.destroy(owner: 1))
    settle(pair.a, pair.b) { pair.a.take(1, where: isReleased) != nil }
    #expect(pair.a.completions.count == 4)
    let isRefused = PostResult.stopped(accepted: 0, queueFull: false, errno: 22)
    #expect(pair.a.send(pair.qa, 0, id: 1) == isRefused)
    #expect(pair.a.receive(pair.qa, 0, id: 1) == isRefused)
  }
}
