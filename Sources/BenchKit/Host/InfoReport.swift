/// What this machine offers a node of Verbena.
package struct InfoReport: Sendable {
  package static let schema = "verbena.info/1"

  package var environment: EnvironmentReport
  package var checks: [HostCheck]
  package var isVerbsBuilt: Bool
  /// What the verbs library says beyond the kernel's files, a line each: limits of the device.
  package var limits: [(device: String, name: String, value: String)] = []

  package init(host: HostFiles = HostFiles(), service: Int, isVerbsBuilt: Bool) {
    environment = EnvironmentReport(host: host)
    checks = HostChecks(host: host, service: service, isVerbsBuilt: isVerbsBuilt).all
    self.isVerbsBuilt = isVerbsBuilt
  }

  /// Whether a node over verbs could start here.
  package var isVerbsUsable: Bool { !checks.contains { $0.state == .missing } }

  package var backends: [(name: String, isUsable: Bool, note: String)] {
    let verbs =
      isVerbsUsable ? "usable" : "not usable here; what is missing is listed below with its remedy"
    return [
      ("verbs", isVerbsUsable, verbs),
      (
        "emulated", true,
        "usable: --fabric NAME joins the processes of this host, without privileges"
      ),
    ]
  }

  package var text: String {
    var text =
      "Machine\n"
      + indented(
        Block.text(environment.block.filter { !["backend", "command"].contains($0.name) }))
    text += "\nBackends\n" + indented(Block.text(backends.map { ($0.name, $0.note) }))
    if !environment.devices.isEmpty { text += "\nDevices\n" + indented(deviceTable.text) }
    if !limits.isEmpty {
      var table = Table([
        .init("device", isNumber: false), .init("limit", isNumber: false), .init("value"),
      ])
      for limit in limits { table.add([limit.device, limit.name, limit.value]) }
      text += "\nDevice limits\n" + indented(table.text)
    }
    text += "\nChecks for the verbs backend\n"
    for check in checks {
      let mark =
        switch check.state {
        case .good: "ok      "
        case .advice: "advice  "
        case .missing: "MISSING "
        }
      text += "  \(mark) \(check.name): \(check.found)\n"
      if !check.fix.isEmpty { text += "           fix: \(check.fix)\n" }
    }
    return text
  }

  private var deviceTable: Table {
    var table = Table([
      .init("device", isNumber: false), .init("port"), .init("state", isNumber: false),
      .init("link", isNumber: false), .init("rate", isNumber: false), .init("path MTU", unit: "B"),
      .init("GID index"), .init("GID", isNumber: false), .init("type", isNumber: false),
      .init("interface", isNumber: false),
    ])
    for device in environment.devices {
      for port in device.ports {
        let start = [
          device.name, "\(port.number)", port.state, port.linkLayer, port.rate,
          port.pathMTU.map(String.init) ?? "-",
        ]
        if port.gids.isEmpty { table.add(start) }
        for gid in port.gids {
          table.add(
            start + ["\(gid.index)", gid.ipv4 ?? gid.value, gid.type, gid.networkInterface])
        }
      }
    }
    return table
  }

  private func indented(_ text: String) -> String {
    text.split(separator: "\n").map { "  \($0)\n" }.joined()
  }

  package var json: JSONValue {
    .object([
      "schema": .string(Self.schema), "environment": environment.json,
      "backends": .array(
        backends.map {
          .object([
            "name": .string($0.name), "usable": .bool($0.isUsable), "note": .string($0.note),
          ])
        }),
      "limits": .array(
        limits.map {
          .object([
            "device": .string($0.device), "name": .string($0.name), "value": .string($0.value),
          ])
        }),
      "checks": .array(
        checks.map {
          .object([
            "name": .string($0.name), "state": .string($0.state.rawValue),
            "found": .string($0.found), "fix": .string($0.fix),
          ])
        }),
    ])
  }
}
