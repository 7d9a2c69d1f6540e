// Property: text forms of NIDs and process ids parse to the numbers of the wire and print back.
// Method: examples by hand, and every 8th bit pattern of type and number against parse(print(x)) == x.

import LustreWire
import Testing

@Suite struct NIDTextTests {
  @Test(arguments: [
    ("10.10.0.5@o2ib", 0x0005_0000_0A0A_0005 as UInt64),
    ("10.20.0.1@tcp", 0x0002_0000_0A14_0001),
    ("10.20.0.1@tcp3", 0x0002_0003_0A14_0001),
    ("0@lo", 0x0009_0000_0000_0000),
    ("<?>", UInt64.max),
    ("17@gni", 0x000D_0000_0000_0011),
    ("10.0.0.1@gip2", 0x000E_0002_0A00_0001),
    ("4294967295@kfi65535", 0x0010_FFFF_FFFF_FFFF),
    ("10.0.0.1@efa", 0x0012_0000_0A00_0001),
    ("3@bxi3f1", 0x0013_0001_0000_0003),
    ("a0a0005@<4:1>", 0x0004_0001_0A0A_0005),
    ("5@<9:1>", 0x0009_0001_0000_0005),
    ("ff@<4660:0>", 0x1234_0000_0000_00FF),
  ])
  func textAndNumber(text: String, raw: UInt64) throws {
    let nid = try NID(text: text)
    #expect(nid.rawValue == raw)
    #expect(nid.description == text)
  }

  @Test func everyTypePrintsAndParses() throws {
    for type in 0..<512 as Range<UInt64> {
      for number in [0, 1, 65535] as [UInt64] {
        for address in [0, 1, 0x0A0B_0C0D, 0xFFFF_FFFF] as [UInt64] {
          let nid = NID(rawValue: type << 48 | number << 32 | address)
          #expect(try NID(text: nid.description) == nid)
        }
      }
    }
  }

  @Test(arguments: [
    "", "@", "@tcp", "10.0.0.1@", "10.0.0@tcp", "10.0.0.256@tcp", "10.0.0.1@tcp65536", "1@lo",
    "0@lo1", "10.0.0.1@ib", "10.0.0.1@tcpx", "10.0.0.1 @tcp", "10.0.0.1@tcp ", "10.0.0.1.2@tcp",
    "<?", "<?>x", "4294967296@kfi", "1@<65536:0>", "x@<1:1>", "-1@kfi", "10.0.0.1@o2ib1@tcp",
  ])
  func badTextIsRefused(text: String) {
    #expect(throws: NIDTextError.self) { try NID(text: text) }
  }

  @Test func withoutNetworkIsTCP() throws {
    #expect(try NID(text: "10.0.0.1") == .tcp(0x0A00_0001))
    #expect(try NID(text: "10.0.0.1@tcp0") == .tcp(0x0A00_0001))
  }

  @Test(arguments: [
    ("12345-10.0.0.1@tcp", 12345 as UInt32), ("U1025-10.0.0.7@tcp", 0x8000_0401),
    ("0-0@lo", 0), ("U2147483647-<?>", UInt32.max),
  ])
  func processText(text: String, pid: UInt32) throws {
    let process = try ProcessID(text: text)
    #expect(process.pid == pid)
    #expect(process.description == text)
  }
}
