package import LNet
package import NodeCore
internal import Verbena

/// Both ends of a measurement on one node: what `verbena node` runs, so that anybody can measure against it and
/// the commands of its own host can measure from it.
package struct BenchPeer: NodeProgram {
  private var service = BenchService()
  private var client: BenchClient

  package init(desk: BenchDesk, session: UInt32) {
    client = BenchClient(desk: desk, session: session)
  }

  package mutating func started(_ node: inout NodeCore) {
    service.started(&node)
    client.started(&node)
  }

  package mutating func received(_ event: LNetEvent, _ node: inout NodeCore) {
    if event.tag >= BenchService.firstTag {
      service.received(event, &node)
    } else {
      client.received(event, &node)
    }
  }
  package mutating func expired(timer owner: UInt32, _ node: inout NodeCore) {
    client.expired(timer: owner, &node)
  }
}
