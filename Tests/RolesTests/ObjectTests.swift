// Property: objects are made, written, read, changed and removed through an import, and read as they were written.
// Method: a client and an object target in virtual time; what is read is compared with what was written.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
@testable import Roles
import Simulation
import Storage
import Testing

struct ObjectTests {
  @Test func aMebibyte() throws {
    let world = try ObjectWorld()
    let object = world.create()
    #expect(object == .echo(1))
    let data = pattern(1 << 20)
    let written = world.write(data, object)
    #expect(written?.status == 0 && written?.byteCount == data.count && written?.retries == 0)
    #expect(written?.attributes.size == 1 << 20)
    let (result, bytes) = world.read(data.count, object)
    #expect(result?.status == 0 && result?.byteCount == data.count)
    #expect(bytes == data)
    #expect(world.node.server.writes == 1 && world.node.server.reads == 1)
    #expect(world.world.leaks().isEmpty)
  }
}
