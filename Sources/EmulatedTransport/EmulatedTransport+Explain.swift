internal import Glibc
public import RDMATransport

extension EmulatedTransport {
  /// What can be done about a listener that failed with an errno, for the user.
  public static func explainListenFailure(errno: Int32, address: SocketAddress) -> TransportError {
    let text =
      switch errno {
      case EADDRINUSE: "\(address) is listened on already, by the same transport (EADDRINUSE)"
      case EADDRNOTAVAIL:
        "\(address) is at none of the addresses that the transport was opened with (EADDRNOTAVAIL)"
      default: "\(address) cannot be listened on (errno \(errno))"
      }
    return TransportError(call: "listen", errno: errno, explanation: text)
  }
}
