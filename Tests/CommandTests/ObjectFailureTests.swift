// Property: what fails in the middle of an object says which object, which byte and which file.
// Method: the text of a full disk, and of another failure.
import LustreWire
import Testing
import Verbena

@testable import VerbenaCommand

@Suite struct ObjectFailureTests {
  @Test(
    arguments: [(28, "ENOSPC", "; the target's disk is full"), (5, "EIO", "")]
      as [(Int32, String, String)])
  func aFailureSaysWhere(errno: Int32, name: String, hint: String) {
    let error = NodeError(
      code: .remote, operation: "object write", errno: errno, explanation: name)
    let placed = ObjectTransfer.placed(error, .echo(17), 1 << 20, 3 << 20, "data.bin")
    #expect(
      placed.description
        == "object write: 0x2:0x11, byte 1048576 of 3145728 of data.bin: \(name)\(hint)")
    #expect(placed.code == .remote && placed.errno == errno)
  }
}
