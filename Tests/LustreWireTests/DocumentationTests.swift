// Property: the example of the module's page compiles and does what it seems to do.
// Method: the same lines here.

import LustreWire
import Testing

@Suite struct DocumentationTests {
  @Test func example() throws {
    let nid = try NID(text: "192.168.50.10@o2ib")
    let info = PingInfo(nids: [nid], sequence: 1)
    var bytes = [UInt8](repeating: 0, count: info.byteCount)
    var span = bytes.mutableSpan
    var raw = span.mutableBytes
    info.encode(into: &raw)
    #expect(bytes.starts(with: [0x67, 0x6E, 0x69, 0x70]))
    #expect(try decodedPing(bytes) == info)
  }
}
