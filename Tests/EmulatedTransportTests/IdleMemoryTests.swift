// Property: thousands of connections between two nodes come about, take no more memory each than the docstring of
// EmulatedTransport says, go away again, and leave nothing that the next ones would miss.
// Method: resident memory before and after, in a process of its own, where no other test takes any.
import CAllocationCounter
import EmulatedTransport
import Foundation
import RDMATransport
import Testing

private func residentByteCount() -> Int {
  let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
  let words = text.split(separator: " ")
  return words.count > 1 ? (Int(words[1]) ?? 0) * 4096 : 0
}

/// Two nodes, and connections that they make with each other by the thousand.
private final class Masses {
  let a: Endpoint
  let b: Endpoint
  let count: Int
  let attributes: QueuePairAttributes
  private var established = 0
  private var released = 0
  private var requests: [ConnectRequestHandle] = []

  init(count: Int, attributes: QueuePairAttributes) throws {
    let fabric = uniqueFabric()
    let limits = FabricLimits(memoryByteCountMax: 64 << 20, pendingRequestCountMax: count)
    a = try Endpoint(fabric, 1, limits: limits)
    b = try Endpoint(fabric, 2, limits: limits)
    self.count = count
    self.attributes = attributes
    b.execute(.listen(owner: 1, address: b.at(987), backlog: 0))
    // The link, and what the first connection makes.
    a.turn()
    b.turn()
  }

  func connect() {
    established = 0
    for index in 0..<count {
      a.execute(
        .prepare(
          owner: CMOwner(index + 2), route: ConnectRoute(source: a.at(0), destination: b.at(987)),
          attributes: attributes))
    }
    var next: CMOwner = 2
    let isDone = turns {
      take(a) { node, owner in
        node.execute(
          .connect(owner: owner, parameters: ConnectionParameters(privateData: PrivateData())))
      }
      take(b) { node, owner in
        node.execute(
          .accept(owner: owner, parameters: ConnectionParameters(privateData: PrivateData())))
      }
      for handle in requests {
        b.execute(.prepareReply(owner: next, request: handle, attributes: attributes))
        next += 1
      }
      requests.removeAll()
      return established == 2 * count
    }
    precondition(isDone, "\(established) ends are established, not \(2 * count)")
  }

  /// Fills the receives of what is ready, and counts what is established.
  private func take(_ node: Endpoint, ready: (Endpoint, CMOwner) -> Void) {
    node.turn()
    for event in node.events {
      switch event.kind {
      case .ready(let queuePair, _):
        for index in 0..<Int(attributes.receiveCapacity) {
          node.receive(queuePair, index, id: UInt64(index))
        }
        ready(node, event.owner)
      case .established: established += 1
      case .connectRequest(let handle, _, _): requests.append(handle)
      default: break
      }
    }
    node.events.removeAll()
  }

  /// As often as it may take, however slow the machine is.
  private func turns(until condition: () -> Bool) -> Bool {
    for _ in 0..<200_000 where condition() { return true }
    return false
  }

  func destroy() {
    released = 0
    for index in 0..<count {
      a.execute(.destroy(owner: CMOwner(index + 2)))
      b.execute(.destroy(owner: CMOwner(index + 2)))
    }
    let isDone = turns {
      for node in [a, b] {
        node.turn()
        released += node.events.filter { isReleased($0.kind) }.count
        node.events.removeAll()
      }
      return released == 2 * count
    }
    precondition(isDone, "\(released) ends are released, not \(2 * count)")
    precondition(a.completions.count == count * Int(attributes.receiveCapacity))
    a.completions.removeAll()
    b.completions.removeAll()
  }
}

@Suite struct IdleMemoryTests {
  @Test(.disabled(if: callocation_counter_is_off(), "a sanitizer's memory would be counted"))
  func twoThousandConnections() async {
    await #expect(processExitsWith: .success) {
      // As o2iblnd asks for at depth 8.
      let attributes = QueuePairAttributes(sendCapacity: 64, receiveCapacity: 18)
      let masses = try Masses(count: 2000, attributes: attributes)
      let before = residentByteCount()
      masses.connect()
      let each = (residentByteCount() - before) / (2 * masses.count)
      // As the docstring has it, and pages that are not full.
      precondition(each <= 128 + 32 * 18 + 88 * 64 + 800 + 256, "\(each) bytes for each end")
      masses.destroy()
      masses.connect()
      masses.destroy()
      let again = (residentByteCount() - before) / (2 * masses.count)
      // With the completions of 36,000 receives, which the test has seen meanwhile.
      precondition(again <= each + 1024, "\(again) bytes after the second time")
    }
  }
}
