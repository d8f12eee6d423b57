"""Training against strangers: known outliers, or unlabelled examples met in use. One file each.

Every function takes any :class:`torch.nn.Module` that returns logits, trained or not, and returns
a trained copy in evaluation mode; the given one stays as it was. What the copy makes of examples
goes to a post-hoc detector as any model's outputs do:

    exposed = outlier_exposure(network, inliers, labels, outliers)
    Energy().score({}, outputs_of(exposed, X))      # larger is stranger
"""
