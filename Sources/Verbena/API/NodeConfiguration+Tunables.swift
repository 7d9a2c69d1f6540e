internal import O2IBLND

extension NodeConfiguration {
  /// Lustre's names of the driver's tunables, those of ko2iblnd's module parameters: `service`, `timeout`, `peer_credits`,
  /// `peer_credits_hiw`, `credits`, `concurrent_sends`, `conns_per_peer`, `retry_count`, `rnr_retry_count`, `keepalive`,
  /// `ib_mtu`, `use_privileged_port`, `require_privileged_port`, `tos`.
  public static var tunableNames: [String] { O2IBConfiguration.keys }

  /// Sets a tunable of the driver, in the units of ko2iblnd: seconds for `timeout` and `keepalive`, 0 or 1 for a switch.
  /// Those that are not set have Lustre's defaults.
  ///
  /// - Parameter name: one of `tunableNames`.
  /// - Throws: `NodeError.configuration` with EINVAL (22) for another name, or a value out of its range, which it names;
  ///   for an `ib_mtu` other than 0: the path MTU follows the network interface's.
  ///
  /// **Wire:** CONNREQ and CONNACK carry the queue depth, `peer_credits` (spec 02 §13).
  public mutating func setTunable(_ name: String, to value: Int) throws(NodeError) {
    func refused(_ why: String) -> NodeError {
      NodeError(code: .configuration, operation: "start", errno: 22, explanation: why)
    }
    guard name != "ib_mtu" || value == 0 else {
      throw refused("ib_mtu = \(value) cannot be set: the path MTU follows the network interface's")
    }
    do throws(O2IBConfigurationError) {
      try tunables.set(name, to: value)
    } catch { throw refused(error.description) }
  }
}
