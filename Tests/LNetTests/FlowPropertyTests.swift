// Property: every operation yields its events exactly once, and nothing is left when all has ended.
// Method: seeded random PUTs, GETs, unlinks, releases and faults between two nodes over a fabric;
// accounts kept.
import LNet
import LustreWire
import RDMATransport
import Structures
import Testing

@Suite struct FlowPropertyTests {
  private final class Account {
    /// Descriptors that have not had their last event, by handle.
    var open: Set<UInt64> = []
    var deliveries: [DeliveryHandle] = []
  }

  private func take(_ node: TestNode, _ account: Account, releases: Bool) {
    for event in node.takeEvents() {
      if event.delivery != .none { account.deliveries.append(event.delivery) }
      guard event.descriptor != .none else { continue }
      #expect(account.open.contains(event.descriptor.raw), "an event after the last: \(event)")
      if event.isUnlinked { account.open.remove(event.descriptor.raw) }
    }
    #expect(node.lnet.messagesInPlaceCount <= 16 && node.lnet.heldMessageCount <= 16)
    guard releases else { return }
    for delivery in account.deliveries { node.lnet.release(delivery, turn: &node.turn) }
    account.deliveries = []
  }

  @Test(arguments: 1...40 as ClosedRange<UInt64>)
  func everyOperationEndsOnceAndNothingIsLeft(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    func upTo(_ bound: UInt64) -> UInt64 { random.next() % bound }
    let limits = smallLimits {
      $0.heldMessages = 16
      $0.messagesInPlace = 16
    }
    let nodes = [
      TestNode(
        [us, .o2ib(0x0A0A_0006)], pingsBeforeSending: seed % 2 == 0, cookie: 1, limits: limits),
      TestNode([real], pingsBeforeSending: seed % 3 == 0, cookie: 2, limits: limits),
    ]
    let accounts = [Account(), Account()]
    let fabric = TinyFabric(nodes)
    let faults = upTo(3)
    var dice = SeededGenerator(seed: seed &* 7)
    fabric.fate = { message in
      guard faults != 0 else { return .carried }
      switch dice.next() % 40 {
      case 0: return .lost
      case 1: return .failed(.remoteDropped)
      case 2: return .failed(.localTimeout)
      case 3:
        let isTransfer = message.sink != .none || message.payload.length > 3976
        return isTransfer ? .dataFails : .failed(.networkTimeout)
      default: return .carried
      }
    }
    let memories = nodes.map { $0.bulk(count: 16384) }
    for (node, memory) in zip(nodes, memories) {
      node.lnet.setLazy(.ostRequest, true, turn: &node.turn)
      _ = memory
    }
    let idleBulk = nodes.map { $0.turn.memory.bulk.freePieceCount }
    var time: UInt64 = 0
    for _ in 0..<300 {
      let which = Int(upTo(2))
      let node = nodes[which]
      let account = accounts[which]
      let target = ProcessID(nid: which == 0 ? real : [us, .o2ib(0x0A0A_0006)][Int(upTo(2))])
      let length = Int([0, 1, 100, 3976, 3977, 16384][Int(upTo(6))])
      let part = memories[which].part(offset: 0, length: length)
      switch upTo(8) {
      case 0, 1, 2:
        let ack = upTo(2) == 0
        guard
          let source = try? node.lnet.bind(
            MemoryDescriptor(memory: part, threshold: ack ? 2 : 1))
        else { break }
        account.open.insert(source.raw)
        do {
          try node.lnet.put(
            PutRequest(
              descriptor: source, target: target,
              portal: upTo(2) == 0 ? .ostRequest : .ostBulk, matchBits: upTo(4),
              wantsAcknowledge: ack), turn: &node.turn)
        } catch {
          try node.lnet.unlink(source, turn: &node.turn)
        }
        if upTo(10) == 0 { try? node.lnet.unlink(source, turn: &node.turn) }
      case 3, 4:
        guard
          let sink = try? node.lnet.bind(
            MemoryDescriptor(memory: part, options: .truncate, threshold: 2))
        else { break }
        account.open.insert(sink.raw)
        do {
          try node.lnet.get(
            GetRequest(
              descriptor: sink, target: target, portal: .ostBulk, matchBits: upTo(4)),
            turn: &node.turn)
        } catch {
          try node.lnet.unlink(sink, turn: &node.turn)
        }
      case 5, 6:
        let isService = upTo(2) == 0
        let descriptor = MemoryDescriptor(
          memory: isService ? .none : part,
          options: isService ? [.put] : upTo(2) == 0 ? [.put, .truncate] : [.get, .truncate],
          threshold: Int32(1 + upTo(3)))
        let entry = MatchEntry(
          portal: isService ? .ostRequest : .ostBulk, matchBits: upTo(4),
          ignoreBits: upTo(3) == 0 ? .max : 0)
        if let handle = try? node.lnet.expose(entry, descriptor, turn: &node.turn) {
          account.open.insert(handle.raw)
        }
      default:
        time += upTo(10) * second
        fabric.advance(to: time, step: second)
      }
      fabric.run()
      take(node, account, releases: upTo(3) == 0)
    }
    // The end: no more faults, everything is unlinked, and time passes.
    fabric.fate = { _ in .carried }
    for round in 0..<4 as Range<UInt64> {
      for (node, account) in zip(nodes, accounts) {
        node.lnet.setLazy(.ostRequest, false, turn: &node.turn)
        fabric.run()
        take(node, account, releases: true)
        for raw in account.open.sorted() where round == 2 {
          try? node.lnet.unlink(DescriptorHandle(raw: raw), turn: &node.turn)
        }
        fabric.run()
        take(node, account, releases: true)
      }
      fabric.advance(to: time + (round + 1) * 60 * second, step: second)
    }
    for (index, node) in nodes.enumerated() {
      take(node, accounts[index], releases: true)
      #expect(accounts[index].open.isEmpty)
      #expect(node.lnet.descriptorCount == 0 && node.lnet.entryCount == 0)
      #expect(node.lnet.messageCount == 0 && node.lnet.operationCount == 0)
      #expect(node.lnet.pingCount == 0 && node.lnet.parkedMessageCount == 0)
      #expect(node.lnet.heldMessageCount == 0 && node.lnet.messagesInPlaceCount == 0)
      #expect(node.turn.memory.messages.freePieceCount == 256)
      #expect(node.turn.memory.bulk.freePieceCount == idleBulk[index])
      #expect(node.waiting.isEmpty)
    }
    #expect(fabric.openCount == 0)
  }
}
