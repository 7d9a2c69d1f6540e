// Property: whatever the network does, each attempt ends exactly once, no request is executed twice but as its
// resend, and after healing every request is answered and nothing is left.
// Method: seeded networks and cuts; clients that send again what did not succeed, a server that answers late;
// an observer that knows the rules and not the code.
import Foundation
import LNet
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import RDMATransport
import Simulation
import Structures
import Testing

/// Counts attempts and ends of every request, and sends again.
private final class Customer: Program {
  struct Order {
    var handle: RequestHandle
    var memory: BufferRef
    /// Attempts whose end is not known.
    var openCount = 1
    var isAnswered = false
    var retryTime: UInt64?
  }

  var orders: [UInt32: Order] = [:]
  var problems: [String] = []
  var answeredCount = 0

  override func received(_ event: RPCEvent, _ core: inout NodeCore) {
    guard var order = orders[event.tag] else {
      problems.append("an event of nothing: \(event)")
      return
    }
    switch event.kind {
    case .replied, .timedOut, .failed:
      order.openCount -= 1
      if order.openCount != 0 { problems.append("\(event.tag) ended \(order.openCount)") }
      if event.kind == .replied, event.status == 0 {
        order.isAnswered = true
        answeredCount += 1
        core.rpc.release(order.handle, turn: &core.turn)
        if order.memory == .none {
          orders[event.tag] = nil
          return
        }
      } else {
        order.retryTime = core.turn.now + second
      }
      orders[event.tag] = order
    case .released:
      if !order.isAnswered { problems.append("\(event.tag) was released unanswered") }
      core.turn.memory.release(order.memory)
      orders[event.tag] = nil
    case .arrived, .ready, .acknowledged, .transferred: problems.append("\(event)")
    }
  }

  func begin(_ tag: UInt32, byteCount: Int, _ core: inout NodeCore) {
    var draft = RequestDraft.ping(tag: tag)
    var memory = BufferRef.none
    if byteCount > 0 {
      guard let run = core.turn.memory.bulk.allocateRun(byteCount: byteCount) else { return }
      memory = run
      draft.opcode = .mgsTargetRegister
      // Tells the server which it is.
      draft.tag = tag.isMultiple(of: 2) ? 1 : 0
      draft.bulk = BulkDescription(
        draft.tag == 1 ? .source : .sink, portal: .mgsBulk, memory: run)
    }
    do {
      let handle = try core.send(draft, over: route(to: 0))
      orders[tag] = Order(handle: handle, memory: memory)
    } catch { if memory != .none { core.turn.memory.release(memory) } }
  }

  /// What an import does that has connected anew: all attempts end unheard, and begin again.
  func reconnect(_ core: inout NodeCore) {
    for tag in orders.keys.sorted() {
      guard var order = orders[tag], order.openCount == 1, order.retryTime == nil else { continue }
      core.rpc.abandon(order.handle, turn: &core.turn)
      order.openCount = 0
      order.retryTime = core.turn.now
      orders[tag] = order
    }
  }

  func retry(_ core: inout NodeCore) {
    for tag in orders.keys.sorted() {
      guard var order = orders[tag], let time = order.retryTime, time <= core.turn.now else {
        continue
      }
      order.retryTime = nil
      order.openCount = 1
      orders[tag] = order
      core.rpc.resend(order.handle, over: route(to: 0))
    }
  }
}

/// Executes requests, some late, and watches that none is executed twice unasked.
private final class Shop: Program {
  var random: SeededGenerator
  var problems: [String] = []
  private var executed: Set<[UInt64]> = []
  private var inProgress: Set<[UInt64]> = []
  private var pending: [(time: UInt64, handle: ServerRequestHandle)] = []
  private var memory: [ServerRequestHandle: BufferRef] = [:]

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  override func started(_ core: inout NodeCore) {
    _ = try? core.rpc.startService(.mgs, lnet: &core.lnet, turn: &core.turn)
  }

  override func received(_ event: RPCEvent, _ core: inout NodeCore) {
    let handle = event.serverRequest
    switch event.kind {
    case .arrived:
      let number = core.rpc.received(handle).source.nid.address & 0xFF
      _ = core.rpc.admit(
        handle, export: number, hasReplyMatchBits: true, turn: &core.turn)
    case .ready: execute(handle, &core)
    case .transferred:
      if let run = memory.removeValue(forKey: handle) { core.turn.memory.release(run) }
      if event.status < 0 {
        drop(handle, &core)
      } else {
        reply(handle, &core)
      }
    case .replied, .timedOut, .failed, .released, .acknowledged: problems.append("\(event)")
    }
  }

  private func reply(_ handle: ServerRequestHandle, _ core: inout NodeCore) {
    end(core.rpc.received(handle))
    core.rpc.reply(handle, ReplyFields(), turn: &core.turn)
  }

  private func drop(_ handle: ServerRequestHandle, _ core: inout NodeCore) {
    end(core.rpc.received(handle))
    core.rpc.drop(handle, turn: &core.turn)
  }

  private func end(_ request: ReceivedRequest) {
    inProgress.remove([UInt64(request.initiator.address), request.xid])
  }

  private func execute(_ handle: ServerRequestHandle, _ core: inout NodeCore) {
    let request = core.rpc.received(handle)
    let key = [UInt64(request.initiator.address), request.xid]
    if !inProgress.insert(key).inserted {
      problems.append("\(request.xid) is executed twice at a time")
    }
    if !executed.insert(key).inserted, !request.body.flags.contains(.resent) {
      problems.append("\(request.xid) was executed twice, and its second sending is no resend")
    }
    let delay =
      UInt64.random(in: 0..<4, using: &random) == 0
      ? UInt64.random(in: 0..<20, using: &random) * second : 0
    pending.append((core.turn.now + delay, handle))
    finishDue(&core)
  }

  func finishDue(_ core: inout NodeCore) {
    let due = pending.filter { $0.time <= core.turn.now }
    pending.removeAll { $0.time <= core.turn.now }
    for (_, handle) in due where core.rpc.isLive(handle) { finish(handle, &core) }
  }

  private func finish(_ handle: ServerRequestHandle, _ core: inout NodeCore) {
    let request = core.rpc.received(handle)
    guard request.body.opcode != .ping else {
      return reply(handle, &core)
    }
    // The client has begun with a multiple of 128; it says how much by how many operations.
    let count = Int(request.body.matchBits & 127) + 1
    guard let run = core.turn.memory.bulk.allocateRun(byteCount: count << 20) else {
      return drop(handle, &core)
    }
    memory[handle] = run
    let isSource = request.body.tag == 1
    do throws(TransferError) {
      try core.rpc.transfer(
        handle,
        TransferDescription(
          isSource ? .get : .put, portal: .mgsBulk, memory: run, operationLimit: 16),
        turn: &core.turn)
    } catch { problems.append("\(error)") }
  }
}

@Suite struct FaultPropertyTests {
  static var seeds: Range<UInt64> {
    let count = ProcessInfo.processInfo.environment["VERBENA_SEEDS"].flatMap { UInt64($0) } ?? 12
    return 0..<min(count, 200)
  }

  @Test(arguments: seeds)
  func everyRequestEndsOnce(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let world = World(seed: seed, model: .random(using: &random))
    let shop = Shop(seed: seed)
    let customers = [Customer(), Customer()]
    let limits = World.bareLimits { $0.bulkByteCount = 64 << 20 }
    try world.addBare(shop, limits: limits, seed: seed)
    for customer in customers { try world.addBare(customer, limits: limits, seed: seed) }
    var nextTag: UInt32 = 0
    var begun = 0
    for step in 0..<400 {
      if step < 300 {
        if UInt64.random(in: 0..<40, using: &random) == 0 {
          setLinks(world, isUp: Bool.random(using: &random), &random)
        }
        let number = Int.random(in: 0...1, using: &random)
        let operations = Int.random(in: -4...3, using: &random)
        world.use(number + 1) { core in
          customers[number].begin(nextTag, byteCount: max(0, operations) << 20, &core)
        }
        nextTag += 1
        begun += 1
      } else if step == 300 {
        world.fabric.model = world.fabric.model.healed
        world.fabric.mendAllLinks()
      }
      advance(world, shop, customers, reconnects: step < 300)
    }
    for _ in 0..<2000 where customers.contains(where: { !$0.orders.isEmpty }) {
      advance(world, shop, customers, reconnects: false)
    }
    #expect(shop.problems == [])
    for customer in customers {
      #expect(customer.problems == [])
      #expect(customer.orders.keys.sorted() == [])
    }
    #expect(customers.map(\.answeredCount).reduce(0, +) > begun / 2)
    #expect(world.stop() == [])
  }

  private func advance(_ world: World, _ shop: Shop, _ customers: [Customer], reconnects: Bool) {
    world.run(0.25)
    world.use(0) { shop.finishDue(&$0) }
    for (number, customer) in customers.enumerated() {
      world.use(number + 1) { core in
        if reconnects, UInt64.random(in: 0..<30, using: &shop.random) == 0 {
          customer.reconnect(&core)
        }
        customer.retry(&core)
      }
    }
  }

  private func setLinks(_ world: World, isUp: Bool, _ random: inout SeededGenerator) {
    let number = Int.random(in: 1...2, using: &random)
    world.fabric.setLink(World.nid(0).address, World.nid(number).address, isUp: isUp)
  }
}
