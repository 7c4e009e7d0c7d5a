// XGBoost's trees for two classes (its JSON) as an ONNX file: a TreeEnsembleRegressor's sum, its logistic function, and
// what is left of 1 for the first class.
import { attribute, file, node, tensor } from './onnx_writer.mjs';

const logit = (p) => Math.log(p / (1 - p));

export function treesFile(json) {
    const { learner } = JSON.parse(json);
    const { trees } = learner.gradient_booster.model;
    const inputs = Number(learner.learner_model_param.num_feature);
    const nodes = { treeids: [], nodeids: [], featureids: [], values: [], modes: [], truenodeids: [], falsenodeids: [], missing_value_tracks_true: [] };
    const leaves = { treeids: [], nodeids: [], ids: [], weights: [] };
    trees.forEach((tree, number) => tree.left_children.forEach((left, at) => {
        const leaf = left === -1;
        nodes.treeids.push(number), nodes.nodeids.push(at);
        nodes.featureids.push(leaf ? 0 : tree.split_indices[at]);
        nodes.values.push(leaf ? 0 : tree.split_conditions[at]);
        nodes.modes.push(leaf ? 'LEAF' : 'BRANCH_LT');
        nodes.truenodeids.push(leaf ? 0 : left);
        nodes.falsenodeids.push(leaf ? 0 : tree.right_children[at]);
        nodes.missing_value_tracks_true.push(!leaf && tree.default_left[at] ? 1 : 0);
        if (leaf) leaves.treeids.push(number), leaves.nodeids.push(at), leaves.ids.push(0), leaves.weights.push(tree.split_conditions[at]);
    }));
    const kind = { values: 'floats', weights: 'floats', modes: 'texts' };
    const given = (prefix, lists) => Object.entries(lists).map(([name, list]) => attribute(`${prefix}_${name}`, kind[name] ?? 'integers', list));
    const ensemble = [...given('nodes', nodes), ...given('target', leaves), attribute('n_targets', 'integer', 1), attribute('base_values', 'floats', [logit(Number(learner.learner_model_param.base_score))])];
    return file('trees', [
        node('TreeEnsembleRegressor', ['rows'], 'sum', { domain: 'ai.onnx.ml', with: ensemble }),
        node('Sigmoid', ['sum'], 'second'), node('Sub', ['one', 'second'], 'first'),
        node('Concat', ['first', 'second'], 'probabilities', { with: [attribute('axis', 'integer', 1)] }),
        tensor('one', [1], [1]),
    ], inputs, 2);
}
