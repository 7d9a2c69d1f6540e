// Property: a caller for whom there is no descriptor does not keep the loop awake, and is accepted when there is one.
// Method: in the child process of an exit test, which has a limit of its own, a raw socket calls a node.
import CLinuxShims
import EmulatedTransport
import Glibc
import RDMATransport
import Testing

private func limitDescriptors(_ count: rlim_t) -> Bool {
  var limit = rlimit()
  guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return false }
  limit.rlim_cur = min(count, limit.rlim_max)
  return setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
}

@Suite(.serialized) struct DescriptorTests {
  @Test func aCallerWithoutADescriptorWaits() async throws {
    let fabric = uniqueFabric()
    await #expect(processExitsWith: .success) { [fabric = fabric as String] in
      let node = try Endpoint(fabric, 1)
      let socket = clinux_fabric_connect(node.transport.directoryPath + "/10.0.0.1")
      let nonsense = [UInt8](repeating: 0x5A, count: 8)
      guard clinux_fabric_send(socket, nonsense, 8, -1, -1) > 0 else { exit(2) }
      guard node.transport.nextDeadline() == nil else { exit(3) }
      // `poll` of one descriptor is allowed below the limit.
      guard limitDescriptors(3), isReadable(node.transport.wakeDescriptor) else { exit(4) }
      for _ in 0..<100 { node.turn() }
      // It may sleep, but not for ever.
      guard !isReadable(node.transport.wakeDescriptor) else { exit(5) }
      guard node.transport.nextDeadline() != nil else { exit(6) }
      guard limitDescriptors(.max) else { exit(7) }
      // Accepted, it is found to talk nonsense.
      guard settle(node, until: { node.transport.counters.peerViolationCount == 1 }) else {
        exit(8)
      }
      guard node.transport.nextDeadline() == nil else { exit(9) }
    }
  }
}
