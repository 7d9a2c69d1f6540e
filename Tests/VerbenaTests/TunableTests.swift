// Property: a user of the library sets every tunable by Lustre's name, and is told what is legal.
// Method: each name, a value out of its range, a name that is none.
import Testing

@testable import Verbena

@Suite struct TunableTests {
  @Test func everyNameIsKnown() throws {
    #expect(NodeConfiguration.tunableNames.count == 14)
    for name in NodeConfiguration.tunableNames {
      var configuration = NodeConfiguration(nids: [])
      let before = configuration.tunables
      // Legal for all, and the default of some.
      try configuration.setTunable(name, to: name == "ib_mtu" ? 0 : name == "peer_credits" ? 9 : 1)
      let isDefault = ["ib_mtu", "conns_per_peer", "use_privileged_port"].contains(name)
      #expect((configuration.tunables == before) == isDefault, "\(name)")
    }
  }

  @Test(arguments: [
    ("peer_credits", 256, "peer_credits = 256: legal are 8...255"),
    ("ib_mtu", 4096, "ib_mtu = 4096 cannot be set"),
    ("peer_credit", 8, "legal are the keys service"),
  ])
  func whatIsWrongIsRefused(name: String, value: Int, words: String) {
    var configuration = NodeConfiguration(nids: [])
    let error = #expect(throws: NodeError.self) { try configuration.setTunable(name, to: value) }
    #expect(error?.code == .configuration && error?.errno == 22)
    #expect(error?.explanation.contains(words) == true)
  }
}
