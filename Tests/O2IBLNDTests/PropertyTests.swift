// Properties, whatever the order of things: credits are conserved (04 F.2), every message ends exactly once, data
// arrives unharmed, no receive is missing, no queue overrun, and in the end nothing is left.
// Method: seeded runs of two or three drivers joined by a fabric of plain memory, with random depths, numbers of
// connections, held receptions, refusals, breaks and time.

import LNet
import LustreWire
import RDMATransport
import Structures
import Testing

@testable import O2IBLND

struct PropertyTests {
  @Test(arguments: 0..<20)
  func withoutFaults(seed: UInt64) {
    let fabric = makeFabric(seed: seed)
    run(fabric, seconds: 0)
    let counters = fabric.nodes.map { $0.lnd.counters }
    #expect(fabric.nodes.allSatisfy { $0.succeeded > 50 })
    #expect(counters.contains { $0.writesPosted > 0 } && counters.contains { $0.naksSent > 0 })
    for node in fabric.nodes {
      #expect(node.sendsLeft == 0 && node.open.isEmpty)
      #expect(node.succeeded == node.ended - refusedByPeer(node))
      #expect(node.lnd.counters.creditOverflows == 0 && node.lnd.counters.creditsOverdrawn == 0)
      #expect(node.lnd.counters.closed == 0 && node.lnd.counters.malformedMessages == 0)
    }
    for _ in 0..<400 { step(fabric) }
    checkRest(fabric)
    stop(fabric)
  }

  @Test(arguments: 100..<130)
  func withBreaksAndRefusals(seed: UInt64) {
    let fabric = makeFabric(seed: seed)
    fabric.breaks = 8
    fabric.refusals = 200
    fabric.unreachable = 200
    run(fabric, seconds: 1)
    fabric.breaks = 0
    #expect(fabric.nodes.contains { $0.succeeded > 0 && $0.ended > $0.succeeded })
    #expect(fabric.nodes.contains { $0.lnd.counters.closed > 0 })
    stop(fabric)
  }

  @Test(arguments: 200..<210)
  func scarcePieces(seed: UInt64) {
    let fabric = makeFabric(seed: seed, messagePieces: 90, depth: 8)
    run(fabric, seconds: 0)
    stop(fabric)
  }

  // MARK: - Runs

  private func makeFabric(
    seed: UInt64, messagePieces: Int = 1500, depth: Int? = nil
  ) -> Fabric {
    let fabric = Fabric(seed: seed)
    let depths = [8, 16, 32, 128]
    let count = depth == nil ? 2 + fabric.below(2) : 2
    for number in 0..<count {
      fabric.nodes.append(
        FabricNode(
          number: number, depth: depth ?? depths[fabric.below(4)],
          connections: depth == nil ? 1 + fabric.below(2) : 1, messagePieces: messagePieces,
          seed: seed))
    }
    for node in fabric.nodes { node.sendsLeft = 150 }
    return fabric
  }

  private func refusedByPeer(_ node: FabricNode) -> Int {
    node.ended - node.succeeded
  }

  private func run(_ fabric: Fabric, seconds: Int) {
    for round in 0..<4000 {
      step(fabric)
      if round % 8 == 0 { checkCredits(fabric) }
      if seconds > 0 && round % 40 == 0 { fabric.now += 1_000_000_000 }
      if fabric.nodes.allSatisfy({ $0.sendsLeft == 0 && $0.open.isEmpty && $0.held.isEmpty }) {
        break
      }
    }
    #expect(fabric.violations == [])
  }

  private func step(_ fabric: Fabric) {
    fabric.now += 50_000
    fabric.turn(fabric.below(fabric.nodes.count))
    fabric.move()
  }

  /// Ends a run and looks for what is left.
  private func stop(_ fabric: Fabric) {
    for node in fabric.nodes {
      node.isHolding = false
      node.sendsLeft = 0
      node.lnd.shutdown(&node.turn)
    }
    for _ in 0..<4000 {
      step(fabric)
      if fabric.nodes.allSatisfy(\.isClean) { break }
    }
    #expect(fabric.violations == [])
    for node in fabric.nodes { #expect(node.isClean) }
  }

  // MARK: - Credits

  /// 04 F.2: C_A + credited messages in flight to B + O_B + credits in flight to A + what B holds = Q.
  private func checkCredits(_ fabric: Fabric) {
    for q in fabric.points.indices where fabric.points[q].state == .connected {
      let peer = fabric.points[q].peer
      guard let a = connection(fabric, q), let b = connection(fabric, peer),
        a.state == .established, b.state == .established
      else { continue }
      let out = inFlight(fabric, from: q, to: peer)
      let back = inFlight(fabric, from: peer, to: q)
      let sum = a.credits.available + out.credited + b.credits.owed + back.credits
      let held = b.credits.depth - b.credits.granted - b.credits.owed
      #expect(sum + held == a.credits.depth, "credits are not conserved")
      #expect(a.credits.available >= 0 && a.credits.available <= a.credits.depth)
      #expect(a.credits.owed <= a.credits.depth && a.credits.depth == b.credits.depth)
    }
  }

  /// Nothing is on its way and nothing is held: every credit is at its owner or owed to it, and every
  /// reservation is back.
  private func checkRest(_ fabric: Fabric) {
    for q in fabric.points.indices where fabric.points[q].state == .connected {
      guard let a = connection(fabric, q), let b = connection(fabric, fabric.points[q].peer) else {
        continue
      }
      #expect(a.credits.available + b.credits.owed == a.credits.depth)
      #expect(a.credits.granted + a.credits.owed == a.credits.depth)
      #expect(a.credits.reserved == a.credits.depth && !a.hasWork)
      #expect(Int(a.postedReceives) == 2 * Int(a.credits.depth) + 2)
    }
  }

  private func connection(_ fabric: Fabric, _ q: Int) -> Connection? {
    let point = fabric.points[q]
    let lnd = fabric.nodes[point.node]
    let handle = Handle(raw: UInt32(truncatingIfNeeded: point.owner))
    guard let c = lnd.lnd.connection(handle) else { return nil }
    return lnd.lnd.connections[c]
  }

  /// Credits and credited messages on their way: posted and not moved, or arrived and not looked at.
  private func inFlight(_ fabric: Fabric, from: Int, to: Int) -> (credits: Int32, credited: Int32) {
    var credits: Int32 = 0
    var credited: Int32 = 0
    func count(_ bytes: [UInt8]) {
      guard let message = try? O2IBMessage(decoding: bytes.span.bytes) else { return }
      credits += Int32(message.envelope.credits)
      let needs = message.envelope.type.creditClass
      if needs == .credited || needs == .reserved { credited += 1 }
    }
    for request in fabric.points[from].sends where request.operation == .send {
      count(bytes(of: request.segments.0))
    }
    let node = fabric.nodes[fabric.points[to].node]
    for completion in node.completions
    where completion.operation == .receive && completion.status == .success
      && Int(completion.queuePair.handle.raw) == to
    {
      let id = WorkID(raw: completion.id)
      guard let c = node.lnd.connection(id.connection) else { continue }
      let piece = node.lnd.receives[c * node.lnd.receiveStride + Int(id.number)].piece
      let ref = piece.part(offset: 0, length: Int(completion.byteCount))
      count(bytes(of: node.turn.memory.messages.segment(ref)))
    }
    return (credits, credited)
  }
}
