"""What the tests of the gradient check share."""


def named(report, *names):
    """The mistakes that a report names, of these arrays or of all that are wrong."""
    checks = [report[name] for name in names] if names else [check for check in report.arrays if not check.ok]
    return {check.diagnosis and check.diagnosis.mistake for check in checks}


def wrong_in(report):
    """The names of the arrays that are wrong."""
    return [check.name for check in report.arrays if not check.ok]


def right_gradients(net, loss, x, y):
    """Copies of what a network's own backward pass finds."""
    loss(net(x), y)
    net.backward(loss.backward())
    return {p.name: p.grad.copy() for p in net.parameters()}
