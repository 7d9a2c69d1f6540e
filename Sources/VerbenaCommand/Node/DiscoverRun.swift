internal import BenchKit
internal import LustreWire
internal import Verbena

/// Discovers nodes and shows what they are, in the form of `lnetctl discover`.
struct DiscoverRun {
  static let schema = "verbena.discover/1"

  let session: PeerSession
  let timeout: Duration
  private var results: [(nid: NID, result: Result<PeerDescription, NodeError>)] = []

  init(session: PeerSession, timeoutNanoseconds: UInt64) {
    self.session = session
    timeout = .nanoseconds(Int64(timeoutNanoseconds))
  }

  mutating func run(_ nids: [NID], interruption: Interruption) async {
    for nid in nids where !interruption.isRequested {
      do throws(NodeError) {
        results.append((nid, .success(try await session.discover(nid, timeout: timeout))))
      } catch { results.append((nid, .failure(error))) }
    }
  }

  /// YAML, as `lnetctl discover` prints it.
  var text: String {
    var text = "discover:\n"
    for case .success(let peer) in results.map(\.result) {
      text += "    - primary nid: \(peer.primaryNID)\n"
      text += "      Multi-Rail: \(peer.isMultiRail ? "True" : "False")\n      peer ni:\n"
      for interface in peer.interfaces {
        text +=
          "        - nid: \(interface.nid)\n          state: \(interface.isUp ? "up" : "down")\n"
        text += "          health value: \(interface.health)\n"
      }
    }
    return succeeded == 0 ? "" : text
  }

  private var errors: [(nid: NID, error: NodeError)] {
    results.compactMap { if case .failure(let error) = $0.result { ($0.nid, error) } else { nil } }
  }

  private var succeeded: Int { results.count - errors.count }

  /// A line for each node that was not discovered.
  var problems: String { errors.map { "\($0.nid): \($0.error.explanation)\n" }.joined() }

  var failure: CommandFailure? {
    guard let first = errors.first?.error else { return nil }
    guard succeeded == 0 else {
      return CommandFailure(.partial, "\(errors.count) of \(results.count) were not discovered")
    }
    return CommandFailure(CommandFailure(first).status, "nothing was discovered")
  }

  var json: JSONValue {
    .object([
      "schema": .string(Self.schema), "from": .string("\(session.localNID)"),
      "peers": .array(
        results.map { nid, result in
          switch result {
          case .success(let peer):
            .object([
              "nid": .string("\(nid)"), "primaryNID": .string("\(peer.primaryNID)"),
              "multiRail": .bool(peer.isMultiRail),
              "features": .unsigned(UInt64(peer.features.rawValue)),
              "interfaces": .array(
                peer.interfaces.map {
                  .object([
                    "nid": .string("\($0.nid)"), "up": .bool($0.isUp),
                    "health": .integer($0.health),
                  ])
                }), "error": .null,
            ])
          case .failure(let error):
            .object([
              "nid": .string("\(nid)"), "primaryNID": .null, "multiRail": .null, "features": .null,
              "interfaces": .array([]), "error": .string(error.description),
            ])
          }
        }),
    ])
  }
}
